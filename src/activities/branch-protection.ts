import { termsOf } from '../domain/delivery.ts';
import { HoldfastError } from '../domain/failure.ts';
import { forgeOf, repositoryOn } from '../domain/forge.ts';
import { workBranchOf } from '../domain/session.ts';
import type { Task } from '../domain/task.ts';
import { protectedBranchRefused } from './branch-refusals.ts';
import type { SessionForges } from './session-forges.ts';

/** A branch of the repository of a session, by its task or its snapshot. */
export interface AskedBranch extends Pick<Task, 'source' | 'terms'> {
  readonly sessionId: string;
  readonly branch: string;
}

/** Keeps sessions off the branches that their forge protects, also where the token could pass the protection over. */
export class BranchProtection {
  readonly #forges: SessionForges;

  constructor(forges: SessionForges) {
    this.#forges = forges;
  }

  /**
   * Asks the forge, where it and a token for it are known: else nothing happens, and whether the push is taken is the remote's to say.
   * Nor where the task lets its result go to a protected branch, or to one that has our name and needs nothing else of the forge. A git token that the forge takes for no question, where no pull request is wanted from it, is no reason to stop either.
   * @throws HoldfastError BRANCH_PROTECTED, FORGE_*
   */
  async assertOpen({ sessionId, source, terms, branch }: AskedBranch): Promise<void> {
    const { allowProtectedBranch, pullRequest } = termsOf({ terms });
    const isOurs = branch === workBranchOf(sessionId);
    if (allowProtectedBranch === true || (isOurs && pullRequest === null)) return;
    const spec = pullRequest?.forge ?? (source.kind === 'repository' ? forgeOf(source.url) : null);
    if (spec === null || source.kind === 'directory' || repositoryOn(spec, source.url) === null) return;
    const forge = await this.#forges.find(sessionId, { source }, spec);
    const isProtected = await forge?.isProtected(branch).catch((error: unknown) => {
      if (pullRequest === null && isForGitOnly(error)) return false;
      throw error;
    });
    if (isProtected === true) throw protectedBranchRefused(branch);
  }
}

/** Said to a token that may push, and may not ask. */
function isForGitOnly(error: unknown): boolean {
  return error instanceof HoldfastError && (error.code === 'FORGE_AUTH_FAILED' || error.code === 'FORGE_NOT_FOUND');
}
