import { digestOf } from '../digest/canonical-json.ts';
import { isPushed, termsOf } from '../domain/delivery.ts';
import { HoldfastError } from '../domain/failure.ts';
import { workBranchOf, type Delivered, type DeliveredRequest } from '../domain/session.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import { faultPoint } from '../fault-point.ts';
import type { GitManager, Pointed } from '../git/git-manager.ts';
import type { Store } from '../store/store.ts';
import type { BranchProtection } from './branch-protection.ts';
import { BranchPusher } from './branch-pusher.ts';
import { commitMessage } from './commit-message.ts';
import type { Credentials } from './credentials.ts';
import type { PullRequests } from './pull-request.ts';
import { verificationsOf } from './verification-records.ts';

/** What is to be delivered. */
export interface Delivery {
  readonly snapshot: Snapshot;
  readonly digest: string;
  /** What is to be delivered; settled, see settledTree of git. */
  readonly tree: string;
  readonly verified: boolean;
  /** What the checks leave open, or null. */
  readonly note: string | null;
  /** The agent's own words about its work. */
  readonly summary: string;
}

/** Turns a result into a commit and brings it where the task wants it. Every step can be repeated and then changes nothing. */
export class CommitManager {
  readonly #git: GitManager;
  readonly #store: Store;
  readonly #credentials: Credentials;
  readonly #pusher: BranchPusher;
  readonly #pullRequests: PullRequests;

  constructor(deps: {
    readonly git: GitManager;
    readonly store: Store;
    readonly credentials: Credentials;
    readonly pullRequests: PullRequests;
    readonly protection: BranchProtection;
  }) {
    this.#git = deps.git;
    this.#store = deps.store;
    this.#credentials = deps.credentials;
    this.#pusher = new BranchPusher(deps);
    this.#pullRequests = deps.pullRequests;
  }

  /**
   * Commits and delivers.
   * @throws HoldfastError NO_CHANGES, REMOTE_DIVERGED, BRANCH_PROTECTED, DIRECTORY_CHANGED, REPOSITORY_AUTH_FAILED,
   * REPOSITORY_UNREACHABLE, LFS_*, FORGE_* and STALE_ATTEMPT of {@link PullRequests.bring}
   */
  async deliver(delivery: Delivery, signal: AbortSignal): Promise<Delivered> {
    const { snapshot, tree, verified } = delivery;
    const kind = snapshot.delivery;
    const own = await this.#git.open(snapshot.sessionId).ownTree(snapshot, tree);
    if (kind !== 'patch' && !(await this.#differs(snapshot, tree, own))) {
      throw new HoldfastError('NO_CHANGES', 'The agent submitted a result, but no file differs from the base commit.');
    }
    await faultPoint('before:commit', snapshot.sessionId);
    const commit = await this.#commit(delivery, own);
    await faultPoint('after:commit', snapshot.sessionId);
    if (kind === 'directory') await this.#apply(snapshot, tree);
    if (!isPushed(kind)) return { kind, branch: null, commit, tree, verified };
    const branch = await this.#branchOf(snapshot);
    await this.#pusher.push({ snapshot, commit, own, branch, isDelivery: true }, signal);
    if (kind === 'branch') return { kind, branch, commit, tree, verified };
    const pullRequest = await this.#propose(delivery, { branch, commit }, signal);
    return { kind, branch, commit, tree, verified, pullRequest };
  }

  /**
   * Brings the work of a session that failed to a branch of its own making, if it delivers to branches and there is work; it is no
   * delivery, and says so. That is the agreed branch where the remote has none of this name, and else the one we would have named.
   * @returns the branch that has the work
   * @throws HoldfastError REMOTE_DIVERGED, BRANCH_PROTECTED, REPOSITORY_AUTH_FAILED, REPOSITORY_UNREACHABLE
   */
  async keep(delivery: Delivery, signal: AbortSignal): Promise<{ branch: string | null; commit: string | null }> {
    const { snapshot, tree } = delivery;
    const { sessionId } = snapshot;
    if (!isPushed(snapshot.delivery) || tree === snapshot.base.tree) return { branch: null, commit: null };
    const own = await this.#git.open(sessionId).ownTree(snapshot, tree);
    const commit = await this.#commit(delivery, own);
    const named = await this.#branchOf(snapshot);
    const aside = workBranchOf(sessionId);
    const push = (branch: string) => this.#pusher.push({ snapshot, commit, own, branch, isDelivery: false }, signal);
    // An attempt before this one may have found the agreed branch taken: the work stays where that one brought it.
    const isAside = named === aside || (await this.#store.pushedBranches.has({ sessionId, branch: aside, commit }));
    const isThere = !isAside && (await push(named).then(() => true, unlessTaken));
    if (isThere) return { branch: named, commit };
    await push(aside);
    return { branch: aside, commit };
  }

  /**
   * The commit of a result: parent, tree, author, dates and message come from the snapshot, so it is always the same one.
   * @throws HoldfastError SIGNING_KEY_MISSING
   */
  async #commit(delivery: Delivery, { tree }: Pointed): Promise<string> {
    const { snapshot } = delivery;
    const message = commitMessage(delivery);
    const { author, base, createdAt, sessionId } = snapshot;
    const signingKey = termsOf(snapshot).isSigned ? await this.#credentials.signingKey(sessionId) : undefined;
    const facts = { tree, parent: base.commit, message, author, atMs: createdAt, signingKey };
    return this.#git.open(sessionId).commitTree(facts);
  }

  /** False for a commit that would change nothing, also where only the contents of pointers were exchanged for these. */
  async #differs({ base, sessionId }: Snapshot, tree: string, own: Pointed): Promise<boolean> {
    return tree !== base.tree && own.tree !== (await this.#git.open(sessionId).treeOf(base.commit));
  }

  /** The branch that was agreed, or that a person has chosen since. */
  async #branchOf({ sessionId, branch }: Snapshot): Promise<string> {
    return (await this.#store.sessions.get(sessionId)).deliveryBranch ?? branch;
  }

  async #propose(
    { snapshot, digest, tree, verified, note, summary }: Delivery,
    { branch, commit }: { readonly branch: string; readonly commit: string },
    signal: AbortSignal,
  ): Promise<DeliveredRequest> {
    const { sessionId, base } = snapshot;
    const rounds = await verificationsOf(this.#store, sessionId);
    const verification = rounds.findLast((round) => round.tree === tree) ?? null;
    const changes = await this.#git.open(sessionId).changes(base.tree, tree);
    const facts = { snapshot, digest, commit, verified, note, summary, verification, changes };
    return this.#pullRequests.bring({ branch, facts }, signal);
  }

  async #apply({ sessionId, source, base }: Snapshot, result: string): Promise<void> {
    if (source.kind !== 'directory')
      throw new HoldfastError('INVALID_REQUEST', 'Only a directory can be delivered back into.');
    await this.#git.applyToDirectory({ sessionId, path: source.path, base: base.tree, result });
  }

  /** The change as a patch for `git apply`, kept as an artifact. */
  async keepPatch(sessionId: string, from: string, to: string): Promise<string> {
    const patch = await this.#git.open(sessionId).diff(from, to);
    await this.#store.artifacts.put(sessionId, 'diff.patch', 'text/x-diff', patch, Date.now());
    return digestOf(patch);
  }
}

/** False for a branch that was there before, that is not for us to make, or of which nobody can say that. */
function unlessTaken(error: unknown): false {
  const { code = '' } = error instanceof HoldfastError ? error : {};
  if (code === 'REMOTE_DIVERGED' || code === 'BRANCH_PROTECTED' || code.startsWith('FORGE_')) return false;
  throw error;
}
