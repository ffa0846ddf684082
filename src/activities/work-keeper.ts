import { HoldfastError, type FailureCode } from '../domain/failure.ts';
import { bestOf, standingOf, type Verification } from '../domain/gate.ts';
import type { State } from '../domain/session.ts';
import { verificationOf, type Snapshot } from '../domain/snapshot.ts';
import type { Store } from '../store/store.ts';
import type { CommitManager } from './commit-manager.ts';
import type { SnapshotBuilder } from './snapshot-builder.ts';
import { verificationsOf } from './verification-records.ts';

const PUSH_MS = 60_000;

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
  /** Why the work could not be brought to its branch, or null. */
  readonly problem: string | null;
}

/** Decides which files a session leaves, and brings those of a failed one to its work branch, where a person can take over. */
export class WorkKeeper {
  readonly #store: Store;
  readonly #snapshots: SnapshotBuilder;
  readonly #commits: CommitManager;

  constructor(deps: { readonly store: Store; readonly snapshots: SnapshotBuilder; readonly commits: CommitManager }) {
    this.#store = deps.store;
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
    const newest = (await this.#store.journal.latest(sessionId))?.tree ?? null;
    if (ended.phase === 'COMPLETE') {
      const { branch, commit, tree } = ended.delivered;
      return { tree, branch, commit, rounds, problem: null };
    }
    const nothing = { tree: newest, branch: null, commit: null, rounds, problem: null };
    const { frozen } = await this.#store.sessions.get(sessionId);
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

  async #push(
    delivery: Parameters<CommitManager['keep']>[0],
    signal: AbortSignal,
  ): Promise<Pick<Kept, 'branch' | 'commit' | 'problem'>> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(PUSH_MS)]);
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
