import { digestOf } from '../digest/canonical-json.ts';
import { isPushed, termsOf } from '../domain/delivery.ts';
import { HoldfastError } from '../domain/failure.ts';
import type { Delivered, DeliveredRequest } from '../domain/session.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import { faultPoint } from '../fault-point.ts';
import type { GitManager, Pointed } from '../git/git-manager.ts';
import type { Store } from '../store/store.ts';
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
  readonly #pullRequests: PullRequests;

  constructor(deps: {
    readonly git: GitManager;
    readonly store: Store;
    readonly credentials: Credentials;
    readonly pullRequests: PullRequests;
  }) {
    this.#git = deps.git;
    this.#store = deps.store;
    this.#credentials = deps.credentials;
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
    const branch = await this.#push(snapshot, { commit, own }, signal);
    if (kind === 'branch') return { kind, branch, commit, tree, verified };
    const pullRequest = await this.#propose(delivery, { branch, commit }, signal);
    return { kind, branch, commit, tree, verified, pullRequest };
  }

  /**
   * Brings the work of a session that failed to its work branch, if it has one and there is work; it is no delivery, and says so.
   * @throws HoldfastError REMOTE_DIVERGED, BRANCH_PROTECTED, REPOSITORY_AUTH_FAILED, REPOSITORY_UNREACHABLE
   */
  async keep(delivery: Delivery, signal: AbortSignal): Promise<{ branch: string | null; commit: string | null }> {
    const { snapshot, tree } = delivery;
    if (!isPushed(snapshot.delivery) || tree === snapshot.base.tree) return { branch: null, commit: null };
    const own = await this.#git.open(snapshot.sessionId).ownTree(snapshot, tree);
    const commit = await this.#commit(delivery, own);
    return { branch: await this.#push(snapshot, { commit, own }, signal), commit };
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

  /** Answers the branch that has the commit: the one that was agreed, or that a person has chosen since. */
  async #push(
    snapshot: Snapshot,
    { commit, own }: { readonly commit: string; readonly own: Pointed },
    signal: AbortSignal,
  ): Promise<string> {
    const { sessionId, source } = snapshot;
    const branch = (await this.#store.sessions.get(sessionId)).deliveryBranch ?? snapshot.branch;
    const credentials = await this.#credentials.git(sessionId);
    const remote = { source, branch, signal, ...(credentials && { credentials }) };
    const { head: expected, isDefault } = await this.#git.standingOf(remote);
    if (expected === commit) return branch; // The push of an attempt that died before it could say so.
    if (isDefault && !termsOf(snapshot).allowDefaultBranch) throw defaultBranchRefused(branch);
    if (!mayPushOver(snapshot, branch, expected)) throw diverged(branch, expected);
    await this.#git.upload({ sessionId, tree: snapshot.base.tree, ...remote }, own.uploads);
    await this.#store.pushedBranches.note({ sessionId, branch, commit, at: Date.now() });
    await faultPoint('before:push-sent', sessionId);
    await this.#git.push({ sessionId, commit, expected, ...remote });
    await faultPoint('before:push-acknowledged', sessionId);
    return branch;
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

/** Nothing is ever pushed over work that is not ours. */
function mayPushOver(snapshot: Snapshot, branch: string, head: string | null): boolean {
  if (head === snapshot.base.commit) return true;
  const isOwnToMake = termsOf(snapshot).branchUse === 'new' || branch !== snapshot.branch;
  return head === null && isOwnToMake;
}

function diverged(branch: string, head: string | null): HoldfastError {
  const where = head === null ? 'is not on the remote any more' : `is at ${head} on the remote, which is not ours`;
  const choices = {
    retry: 'resume, after the branch was put back or deleted',
    newBranch: 'resume with {"branch": "another-name"}',
    abort: 'abort: the work is kept as a patch',
  };
  return new HoldfastError('REMOTE_DIVERGED', `The branch ${branch} ${where}.`, { details: { branch, head, choices } });
}

/** The refusal to push to the default branch of a repository when the task does not say so. */
export function defaultBranchRefused(branch: string): HoldfastError {
  const message = `${branch} is the default branch of the repository, which the task does not allow to be pushed to.`;
  return new HoldfastError('BRANCH_PROTECTED', message, {
    remedy: 'Name another `branch`, or set allowDefaultBranch in a new request.',
    details: { branch },
  });
}
