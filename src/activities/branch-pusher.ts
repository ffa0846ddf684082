import { termsOf } from '../domain/delivery.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import { faultPoint } from '../fault-point.ts';
import type { BranchStanding } from '../git/branch-standing.ts';
import type { GitManager, Pointed } from '../git/git-manager.ts';
import type { Store } from '../store/store.ts';
import type { BranchProtection } from './branch-protection.ts';
import { defaultBranchRefused, diverged } from './branch-refusals.ts';
import type { Credentials } from './credentials.ts';

/** A commit and where it is to be. */
export interface BranchPush {
  readonly snapshot: Snapshot;
  readonly commit: string;
  /** The files of the commit, and what its pointers of Git LFS point at. */
  readonly own: Pointed;
  readonly branch: string;
  /** False for work that nobody has verified: it only ever makes a branch, and never the default one. */
  readonly isDelivery: boolean;
}

/** Brings commits to branches, and never over work that is not the session's own. A push that is repeated changes nothing. */
export class BranchPusher {
  readonly #git: GitManager;
  readonly #store: Store;
  readonly #credentials: Credentials;
  readonly #protection: BranchProtection;

  constructor(deps: {
    readonly git: GitManager;
    readonly store: Store;
    readonly credentials: Credentials;
    readonly protection: BranchProtection;
  }) {
    this.#git = deps.git;
    this.#store = deps.store;
    this.#credentials = deps.credentials;
    this.#protection = deps.protection;
  }

  /**
   * Pushes, unless it is done already.
   * @throws HoldfastError REMOTE_DIVERGED, BRANCH_PROTECTED, REPOSITORY_AUTH_FAILED, REPOSITORY_UNREACHABLE, LFS_*, FORGE_*
   */
  async push(push: BranchPush, signal: AbortSignal): Promise<void> {
    const { snapshot, commit, own, branch, isDelivery } = push;
    const { sessionId, source, base } = snapshot;
    const credentials = await this.#credentials.git(sessionId);
    const remote = { source, branch, signal, ...(credentials && { credentials }) };
    const standing = await this.#git.standingOf(remote);
    if (standing.head === commit) return; // The push of an attempt that died before it could say so.
    assertAllowed(push, standing);
    // A task that lets its result go to the default branch lets it pass over the rules of that one.
    if (!standing.isDefault) await this.#protection.assertOpen({ ...snapshot, branch, isDelivery });
    await this.#git.upload({ sessionId, tree: base.tree, ...remote }, own.uploads);
    await this.#store.pushedBranches.note({ sessionId, branch, commit, at: Date.now() });
    await faultPoint('before:push-sent', sessionId);
    await this.#git.push({ sessionId, commit, expected: standing.head, ...remote });
    await faultPoint('before:push-acknowledged', sessionId);
  }
}

function assertAllowed({ snapshot, branch, isDelivery }: BranchPush, { head, isDefault }: BranchStanding): void {
  const { allowDefaultBranch, branchUse } = termsOf(snapshot);
  if (isDefault && !(isDelivery && allowDefaultBranch)) throw defaultBranchRefused(branch);
  const isOwnToMake = branchUse === 'new' || branch !== snapshot.branch;
  const mayBeThere = isDelivery && head === snapshot.base.commit;
  if (!mayBeThere && !(head === null && isOwnToMake)) throw diverged(branch, head);
}
