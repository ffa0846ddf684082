import { termsOf } from '../domain/delivery.ts';
import { HoldfastError } from '../domain/failure.ts';
import type { GitManager } from '../git/git-manager.ts';
import type { SessionRecord } from '../store/sessions.ts';
import type { BranchProtection } from './branch-protection.ts';
import { defaultBranchRefused } from './branch-refusals.ts';
import type { Credentials } from './credentials.ts';
import type { PullRequests } from './pull-request.ts';

/** Finds out, before any model is paid, whether a result could be delivered to its repository. */
export class DeliveryProbe {
  readonly #git: GitManager;
  readonly #credentials: Credentials;
  readonly #pullRequests: PullRequests;
  readonly #protection: BranchProtection;

  constructor(deps: {
    readonly git: GitManager;
    readonly credentials: Credentials;
    readonly pullRequests: PullRequests;
    readonly protection: BranchProtection;
  }) {
    this.#git = deps.git;
    this.#credentials = deps.credentials;
    this.#pullRequests = deps.pullRequests;
    this.#protection = deps.protection;
  }

  /**
   * Asks the remote about the branch and for a push that changes nothing, and the forge about the repository.
   * @throws HoldfastError BRANCH_PROTECTED for a protected branch, and a default one that the task does not allow; REMOTE_DIVERGED,
   * REPOSITORY_AUTH_FAILED, REPOSITORY_UNREACHABLE, FORGE_*
   */
  async probe({ id, task, base }: SessionRecord, signal: AbortSignal): Promise<void> {
    const credentials = await this.#credentials.git(id);
    const { branch, source } = task;
    const remote = { source, branch, signal, ...(credentials && { credentials }) };
    const { allowDefaultBranch, branchUse } = termsOf(task);
    const { head, isDefault } = await this.#git.standingOf(remote);
    if (isDefault && !allowDefaultBranch) throw defaultBranchRefused(branch);
    if (branchUse === 'existing' && head !== base?.commit) {
      const where = head === null ? 'is not there' : `is at ${head}, and the session starts from ${base?.commit}`;
      throw new HoldfastError('REMOTE_DIVERGED', `The branch ${branch}, which is to be gone on with, ${where}.`);
    }
    await this.#git.probePush({ sessionId: id, commit: base?.commit ?? '', ...remote });
    await this.#pullRequests.probe(id, task);
    const asked = { sessionId: id, source, terms: task.terms, branch, isDelivery: true };
    if (!isDefault) await this.#protection.assertOpen(asked);
  }
}
