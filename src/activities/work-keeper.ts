import { HoldfastError, type FailureCode } from '../domain/failure.ts';
import { bestOf, standingOf, type Verification } from '../domain/gate.ts';
import type { Frozen, State } from '../domain/session.ts';
import { verificationOf, type Snapshot } from '../domain/snapshot.ts';
import { usesLfs } from '../domain/task.ts';
import type { GitManager } from '../git/git-manager.ts';
import type { Store } from '../store/store.ts';
import type { CommitManager } from './commit-manager.ts';
import type { SnapshotBuilder } from './snapshot-builder.ts';
import { verificationsOf } from './verification-records.ts';

const PUSH_MS = 60_000;
/** With contents for Git LFS before it; the end of a session may take ten minutes. */
const UPLOAD_MS = 8 * 60_000;

/** The ends at which the agent has done what it could, and somebody may want to go on from there. */
const leavesBranch: ReadonlySet<FailureCode> = new Set(['CHECKS_FAILED', 'BLOCKED', 'NO_RESULT']);

/** What is left of a session's work. */
export interface Kept {
  /** Null when the agent never got to a checkpoint. */
  readonly tree: string | null;
  readonly branch: string | null;
  readonly commit: string | null;
  /** The verifications of the session, in order. */
  readonly rounds: readonly Verification[];
  /** Paths that the agent changed in submodules, which are as they were in {@link Kept.tree}. */
  readonly putBack: readonly string[];
  /** Why the work could not be brought to its branch, or null. */
  readonly problem: string | null;
}

/** Decides which files a session leaves, and brings those of a failed one to a branch of its own, where a person can take over. */
export class WorkKeeper {
  readonly #store: Store;
  readonly #git: GitManager;
  readonly #snapshots: SnapshotBuilder;
  readonly #commits: CommitManager;

  constructor(deps: {
    readonly store: Store;
    readonly git: GitManager;
    readonly snapshots: SnapshotBuilder;
    readonly commits: CommitManager;
  }) {
    this.#store = deps.store;
    this.#git = deps.git;
    this.#snapshots = deps.snapshots;
    this.#commits = deps.commits;
  }

  /** Keeps the work. A remote that does not take it is told, and holds nothing up: patch and transcript are kept in any case. */
  async keep(
    sessionId: string,
    ended: State<'COMPLETE' | 'FAILED'>,
    summary: string | null,
    signal: AbortSignal,
  ): Promise<Kept> {
    const rounds = await verificationsOf(this.#store, sessionId);
    const latest = (await this.#store.journal.latest(sessionId))?.tree ?? null;
    const { frozen } = await this.#store.sessions.get(sessionId);
    const { tree: newest, putBack } = await this.#settled(sessionId, frozen, latest);
    if (ended.phase === 'COMPLETE') {
      const { branch, commit, tree } = ended.delivered;
      return { tree, branch, commit, rounds, putBack, problem: null };
    }
    const nothing = { tree: newest, branch: null, commit: null, rounds, putBack, problem: null };
    const { failure } = ended;
    if (frozen === null || newest === null) return nothing;
    try {
      const snapshot = await this.#snapshots.load(frozen.digest);
      const tree = failure.code === 'CHECKS_FAILED' ? treeToKeep(snapshot, rounds, newest) : newest;
      if (!leavesBranch.has(failure.code)) return { ...nothing, tree };
      const round = rounds.findLast((verification) => verification.tree === tree);
      const note = `${failure.code}: ${round === undefined ? failure.message : (standingOf(round).note ?? failure.message)}`;
      const delivery = { snapshot, digest: frozen.digest, tree, verified: false, note, summary: summary ?? '' };
      return { ...nothing, tree, ...(await this.#push(delivery, signal)) };
    } catch (error) {
      if (signal.aborted || !(error instanceof HoldfastError)) throw error;
      return { ...nothing, problem: error.message };
    }
  }

  /** Where files or snapshot are lost, what is on record is all that can be said. */
  async #settled(
    sessionId: string,
    frozen: Frozen | null,
    latest: string | null,
  ): Promise<{ readonly tree: string | null; readonly putBack: readonly string[] }> {
    const git = this.#git.open(sessionId);
    if (frozen === null || latest === null || !(await git.has(latest))) return { tree: latest, putBack: [] };
    const snapshot = await this.#snapshots.load(frozen.digest).catch(() => null);
    if (snapshot === null) return { tree: latest, putBack: [] };
    const tree = await git.settledTree(snapshot, latest);
    return { tree, putBack: (await git.changes(tree, latest)).map(({ path }) => path) };
  }

  async #push(
    delivery: Parameters<CommitManager['keep']>[0],
    signal: AbortSignal,
  ): Promise<Pick<Kept, 'branch' | 'commit' | 'problem'>> {
    const limit = AbortSignal.any([
      signal,
      AbortSignal.timeout(usesLfs(delivery.snapshot.source) ? UPLOAD_MS : PUSH_MS),
    ]);
    try {
      return { ...(await this.#commits.keep(delivery, limit)), problem: null };
    } catch (error) {
      if (signal.aborted) throw error;
      return { branch: null, commit: null, problem: error instanceof Error ? error.message : String(error) };
    }
  }
}

/** With `onRedEnd: best` the work of the best round, else the newest. */
function treeToKeep(snapshot: Snapshot, rounds: readonly Verification[], newest: string): string {
  return verificationOf(snapshot).onRedEnd === 'best' ? (bestOf(rounds)?.tree ?? newest) : newest;
}
