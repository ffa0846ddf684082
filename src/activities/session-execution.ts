import { termsOf } from '../domain/delivery.ts';
import { HoldfastError } from '../domain/failure.ts';
import { standingOf } from '../domain/gate.ts';
import type { Delivered, Frozen, Limits, State } from '../domain/session.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import { workSecrets } from '../domain/task.ts';
import { opensRepository } from '../domain/git-credentials.ts';
import { faultPoint } from '../fault-point.ts';
import type { GitManager } from '../git/git-manager.ts';
import type { Claimant } from '../store/journal.ts';
import type { Store } from '../store/store.ts';
import type { CommitManager } from './commit-manager.ts';
import type { Credentials } from './credentials.ts';
import type { DriftWatch } from './drift-watch.ts';
import { evidenceOf } from './evidence.ts';
import type { ChunkOutcome, ExecutionRunner } from './execution-runner.ts';
import type { VerificationOutcome } from './index.ts';
import type { LeftBranches } from './left-branches.ts';
import { moving } from './progress-watch.ts';
import type { ReportWriter } from './report-writer.ts';
import type { SnapshotBuilder } from './snapshot-builder.ts';
import type { SourceImporter } from './source-importer.ts';
import { verificationsOf } from './verification-records.ts';
import type { Verifier } from './verifier.ts';
import type { WorkKeeper } from './work-keeper.ts';

/** What the execution is made of. */
export interface ExecutionParts {
  readonly store: Store;
  readonly git: GitManager;
  readonly credentials: Credentials;
  readonly sources: SourceImporter;
  readonly snapshots: SnapshotBuilder;
  readonly runner: ExecutionRunner;
  readonly drift: DriftWatch;
  readonly verifier: Verifier;
  readonly commits: CommitManager;
  readonly keeper: WorkKeeper;
  readonly reports: ReportWriter;
  readonly branches: LeftBranches;
  readonly chunk: { readonly maxTurns: number; readonly maxMs: number };
}

/** A chunk, as the workflow asks for it. */
export interface ChunkRequest {
  readonly sessionId: string;
  /** Its ordinal. */
  readonly chunk: number;
  readonly limits: Limits;
  readonly feedback: { readonly ordinal: number; readonly blob: string } | null;
  /** Of the snapshot that was frozen; left out by workflows of older versions. */
  readonly digest?: string;
  /** The checkpoint at which the chunk before ended, if there was one. */
  readonly reached?: { readonly turns: number; readonly tree: string };
}

/** What is asked for, and which attempt at it this is. */
type Attempted<Request> = Request & { readonly claimant?: Claimant };

/** A result, as the workflow asks for its verification or delivery. */
export interface Result {
  readonly sessionId: string;
  readonly tree: string;
  readonly digest?: string;
}

/** Everything after the freeze. The snapshot is loaded and checked each time, and nothing else says what is to be done. */
export class SessionExecution {
  readonly #parts: ExecutionParts;

  constructor(parts: ExecutionParts) {
    this.#parts = parts;
  }

  /** Runs turns of the agent up to a border, from wherever the records say it is; a chunk that came to its border stays there. */
  async runChunk(input: Attempted<ChunkRequest>, signal: AbortSignal, onProgress?: () => void): Promise<ChunkOutcome> {
    const { chunk, sessionId } = input;
    if (chunk > 0) await faultPoint('after:chunk-returned', sessionId); // The workflow has the one before.
    const run = () => this.#runChunk(input, signal, onProgress);
    const outcome = await this.#parts.store.outcomes.once(sessionId, `chunk/${chunk}`, run);
    await faultPoint('before:chunk-returned', sessionId);
    return outcome;
  }

  async #runChunk(
    { sessionId, limits, feedback, digest, reached, claimant }: Attempted<ChunkRequest>,
    signal: AbortSignal,
    onProgress?: () => void,
  ): Promise<ChunkOutcome> {
    const { chunk, credentials, drift, runner, sources, store } = this.#parts;
    const { snapshot } = await this.#load(sessionId, digest);
    if (reached !== undefined) await this.#assertReached(sessionId, reached);
    await store.check(); // Before the model is asked: what it answers could not be kept.
    await moving(onProgress, sources.ensure(sessionId, signal));
    await drift.lookAtDirectory(snapshot);
    const evidence = feedback && (await store.blobs.get(feedback.blob)).toString('utf8');
    const borders = { limits, maxTurns: chunk.maxTurns, maxChunkMs: chunk.maxMs };
    const job = { snapshot, feedback: evidence, claimant, ...borders, ...(onProgress && { onProgress }) };
    const lookAtModels = async () =>
      drift.lookAtModels(snapshot, await runner.servedModels(sessionId, snapshot.model.id));
    const outcome = await credentials
      .withModelKey(sessionId, snapshot.model, (modelKey) => runner.runChunk({ ...job, modelKey }, signal))
      .catch(async (error: unknown) => {
        await lookAtModels().catch(() => undefined); // Another model may be the reason; the failure itself matters more.
        throw error;
      });
    await lookAtModels();
    return outcome;
  }

  /** Judges a result by the acceptance commands of the snapshot. */
  async verify(input: Result & { readonly iteration: number }, signal: AbortSignal): Promise<VerificationOutcome> {
    const { sessionId, tree, iteration } = input;
    const { sources, verifier } = this.#parts;
    const { snapshot } = await this.#load(sessionId, input.digest);
    await sources.ensure(sessionId, signal);
    await faultPoint('before:verification', sessionId);
    const git = this.#parts.git.open(sessionId);
    const settled = await git.settledTree(snapshot, tree);
    const found = await verifier.verify(snapshot, settled, iteration, signal);
    const { accepted, standing, summary, verification } = found;
    await faultPoint('after:verification', sessionId);
    const outcome = { accepted, verified: standing.verified, summary };
    if (accepted) return { ...outcome, evidence: null };
    const putBack = (await git.changes(settled, tree)).map(({ path }) => path);
    const evidence = await this.#keepEvidence(sessionId, evidenceOf(verification, putBack), iteration + 1);
    return { ...outcome, evidence };
  }

  /** Commits the result and brings it where the task wants it; what was delivered stays so, whatever became of it there since. */
  deliver(input: Result & { readonly verified: boolean }, signal: AbortSignal): Promise<Delivered> {
    const deliver = () => this.#deliver(input, signal);
    return this.#parts.store.outcomes.once(input.sessionId, `deliver/${input.tree}`, deliver);
  }

  async #deliver(
    { sessionId, tree: handedIn, verified, digest }: Result & { readonly verified: boolean },
    signal: AbortSignal,
  ): Promise<Delivered> {
    const { commits, git, sources, store } = this.#parts;
    const { snapshot, frozen } = await this.#load(sessionId, digest);
    await sources.ensure(sessionId, signal);
    const tree = await git.open(sessionId).settledTree(snapshot, handedIn);
    const summary = (await this.#summary(sessionId)) ?? '';
    const round = (await verificationsOf(store, sessionId)).findLast((verification) => verification.tree === tree);
    const note = round === undefined ? null : standingOf(round).note;
    return commits.deliver({ snapshot, digest: frozen.digest, tree, verified, note, summary }, signal);
  }

  /** Writes what the session leaves behind. */
  async conclude(sessionId: string, ended: State<'COMPLETE' | 'FAILED'>, signal: AbortSignal): Promise<void> {
    if (ended.phase === 'COMPLETE') await faultPoint('after:push-acknowledged', sessionId); // The workflow has it.
    const { git, keeper, reports, sources } = this.#parts;
    const write = async (): Promise<void> => {
      await sources.ensure(sessionId, signal).catch(() => undefined);
      const summary = await this.#summary(sessionId);
      const kept = await keeper.keep(sessionId, ended, summary, signal);
      await reports.write(sessionId, { ended, kept, summary });
    };
    await sources.withFiles(sessionId, signal, write).catch(async (error: unknown) => {
      if (signal.aborted || (await sources.isWhole(sessionId))) throw error;
      // The end is told even where the files are lost for good: the report then names no changes.
      await git.remove(sessionId);
      await write();
    });
  }

  /** Removes what is disposable: work trees, and the secrets that only the work needed. */
  async cleanUp(sessionId: string): Promise<void> {
    await faultPoint('after:end-announced', sessionId);
    const { branches, git, store } = this.#parts;
    await git.remove(sessionId);
    const { result, task } = await store.sessions.get(sessionId);
    const isFollowed = result?.pullRequest !== undefined && termsOf(task).pullRequest?.followUps === true;
    if (isFollowed) return; // They go when the request is closed.
    const isLeft = await branches.needsCredentials(sessionId);
    await store.secrets.forget(sessionId, isLeft ? workSecrets.filter((name) => !opensRepository(name)) : workSecrets);
  }

  /** The snapshot on record, which must be the one of this session, and the one that the workflow saw frozen. */
  async #load(sessionId: string, digest?: string): Promise<{ snapshot: Snapshot; frozen: Frozen }> {
    const { frozen } = await this.#parts.store.sessions.get(sessionId);
    if (frozen === null) throw new HoldfastError('INTERNAL', `Session ${sessionId} has no snapshot.`);
    const snapshot = await this.#parts.snapshots.load(frozen.digest);
    if (snapshot.sessionId === sessionId && (digest ?? frozen.digest) === frozen.digest) return { frozen, snapshot };
    const frozenThen = digest === undefined ? '' : `, and not ${digest}, which was frozen`;
    throw new HoldfastError('SNAPSHOT_TAMPERED', `The records name the snapshot ${frozen.digest}${frozenThen}.`);
  }

  /** Temporal and the records must agree on what was reached: where they do not, the records were changed, or are an older copy. */
  async #assertReached(sessionId: string, { turns, tree }: NonNullable<ChunkRequest['reached']>): Promise<void> {
    const found = await this.#parts.store.journal.treeAt(sessionId, turns);
    if (found === tree) return;
    const message = `The checkpoint of turn ${turns} is ${found ?? 'not there'} on record, and was ${tree} when it was made.`;
    throw new HoldfastError('CHECKPOINT_TAMPERED', message);
  }

  async #keepEvidence(sessionId: string, text: string, round: number): Promise<string> {
    const name = `checks/evidence-${round}.txt`;
    return (await this.#parts.store.artifacts.put(sessionId, name, 'text/plain', text, Date.now())).blob;
  }

  async #summary(sessionId: string): Promise<string | null> {
    return this.#parts.runner.summary(sessionId);
  }
}
