import { termsOf } from '../domain/delivery.ts';
import { HoldfastError } from '../domain/failure.ts';
import { forgeOf, repositoryOn } from '../domain/forge.ts';
import { workBranchOf } from '../domain/session.ts';
import type { Task } from '../domain/task.ts';
import { protectedBranchRefused } from './branch-refusals.ts';
import type { SessionForges } from './session-forges.ts';

/** A branch of the repository of a session, by its task or its snapshot; not the default one, which has a rule of its own. */
export interface AskedBranch extends Pick<Task, 'source' | 'terms'> {
  readonly sessionId: string;
  readonly branch: string;
  /** False for work that nobody has verified: what the task allows, it allows its result. */
  readonly isDelivery: boolean;
}

/** Keeps sessions off the branches that their forge protects, also where the token could pass the protection over. */
export class BranchProtection {
  readonly #forges: SessionForges;

  constructor(forges: SessionForges) {
    this.#forges = forges;
  }

  /**
   * Asks the forge, where it has to be asked, and it and a token for it are known: else nothing happens, and whether the push is taken
   * is the remote's to say. A git token that the forge takes for no question, where no pull request is wanted from it, stops nothing
   * either.
   * @throws HoldfastError BRANCH_PROTECTED, FORGE_*
   */
  async assertOpen(asked: AskedBranch): Promise<void> {
    if (!isToBeAsked(asked)) return;
    const { branch, sessionId, source, terms } = asked;
    const { pullRequest } = termsOf({ terms });
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

/**
 * A result may go where its task lets it; and under our own name, unless the forge is needed for it anyhow. Work that failed is not lost
 * to a forge that is away: the branch that has our name is made in any case, if the remote takes it.
 */
function isToBeAsked({ branch, isDelivery, sessionId, terms }: AskedBranch): boolean {
  const { allowProtectedBranch, pullRequest } = termsOf({ terms });
  const isOurs = branch === workBranchOf(sessionId);
  if (!isDelivery) return !isOurs;
  return allowProtectedBranch !== true && !(isOurs && pullRequest === null);
}

/** Said to a token that may push, and may not ask. */
function isForGitOnly(error: unknown): boolean {
  return error instanceof HoldfastError && (error.code === 'FORGE_AUTH_FAILED' || error.code === 'FORGE_NOT_FOUND');
}
