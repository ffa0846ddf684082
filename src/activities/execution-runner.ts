import { createHash } from 'node:crypto';
import { runChunk, type ChunkEnd } from '../agent/agent-chunk.ts';
import type { Instructions } from '../agent/agent-run.ts';
import { forkPromptFor } from '../agent/fork-prompt.ts';
import { Ledger } from '../agent/ledger.ts';
import { systemPromptFor } from '../agent/system-prompt.ts';
import { taskPromptFor } from '../agent/task-prompt.ts';
import { agentTools } from '../agent/tools/agent-tools.ts';
import { restoreTranscript, servedModelsIn, standingOf } from '../agent/transcript.ts';
import { leftWallMs } from '../domain/budget.ts';
import { reachesOut } from '../domain/egress.ts';
import { boundedPlan, progressOf, type PlanStep } from '../domain/events.ts';
import { HoldfastError } from '../domain/failure.ts';
import type { Limits } from '../domain/session.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { StuckLimits } from '../domain/stuck.ts';
import { noUsage } from '../domain/usage.ts';
import { faultPoint } from '../fault-point.ts';
import type { Owner } from '../git/attempt-trees.ts';
import type { GitManager } from '../git/git-manager.ts';
import type { WorkTree } from '../git/work-tree.ts';
import type { ModelAccess, OpenModel } from '../model/provider.ts';
import { reportingSandbox } from '../sandbox/reporting-sandbox.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Claimant, FileState, Resumption } from '../store/journal.ts';
import type { Store } from '../store/store.ts';
import { FileRecorder } from './file-recorder.ts';
import { moving } from './progress-watch.ts';
import { SubAgentRecords } from './sub-agent-records.ts';
import { SessionEgress, type EgressSettings } from './session-egress.ts';
import { SetUp } from './set-up.ts';
import { TreeRestorer } from './tree-restorer.ts';

/** A chunk of turns to be run. */
export interface ChunkInput {
  readonly snapshot: Snapshot;
  readonly maxTurns: number;
  readonly maxChunkMs: number;
  readonly limits: Limits;
  /** Evidence of a red verification that the agent must see; null before there is any. */
  readonly feedback: string | null;
  readonly modelKey: string | undefined;
  /** Who runs it. */
  readonly claimant?: Claimant | undefined;
  /** Called at each sign of progress. */
  readonly onProgress?: () => void;
}

/** How a chunk of turns ended. */
export interface ChunkOutcome {
  readonly outcome: 'more' | 'submitted';
  readonly turns: number;
  readonly tree: string;
}

/** An older attempt that has not ended after this is left behind; its commands are killed and its writes are refused. */
const OVERTAKE_MS = 5000;

/** Runs the agent, chunk by chunk. Any attempt, on any worker, goes on from what the records hold. */
export class ExecutionRunner {
  readonly #store: Store;
  readonly #git: GitManager;
  readonly #sandbox: Sandbox;
  readonly #openModel: OpenModel;
  readonly #stuck: StuckLimits;
  readonly #owner: Owner;
  readonly #isStopping: () => boolean;
  readonly #egress: EgressSettings;
  readonly #setUp: SetUp;
  /** The attempts of this process, by session: two at once would share a work tree. */
  readonly #running = new Map<string, { readonly overtaken: AbortController; readonly ended: Promise<unknown> }>();

  constructor(deps: {
    readonly store: Store;
    readonly git: GitManager;
    readonly sandbox: Sandbox;
    readonly openModel: OpenModel;
    readonly stuck: StuckLimits;
    /** This process: nobody else may touch the work trees of its attempts. */
    readonly owner: Owner;
    /** True once the worker was told to stop: chunks then end at their next border. */
    readonly isStopping?: () => boolean;
    readonly egress?: EgressSettings;
  }) {
    this.#store = deps.store;
    this.#git = deps.git;
    this.#sandbox = deps.sandbox;
    this.#openModel = deps.openModel;
    this.#stuck = deps.stuck;
    this.#owner = deps.owner;
    this.#isStopping = deps.isStopping ?? (() => false);
    this.#egress = deps.egress ?? { privateNetworks: [] };
    this.#setUp = new SetUp({ ...deps, egress: this.#egress });
  }

  /**
   * Runs turns up to a border: the agent hands in, the chunk is full, or the session is held.
   * @throws HoldfastError BLOCKED, INTERACTION_ATTEMPTED, NO_RESULT, STUCK, BUDGET_REACHED, MODEL_*, STALE_ATTEMPT, SANDBOX_UNAVAILABLE
   */
  async runChunk(input: ChunkInput, signal: AbortSignal): Promise<ChunkOutcome> {
    const { snapshot } = input;
    const access = this.#openModel(snapshot.model, input.modelKey);
    await faultPoint('before:session-claimed', snapshot.sessionId);
    const resumption = await this.#store.journal.claim(snapshot.sessionId, input.claimant);
    await faultPoint('after:session-claimed', snapshot.sessionId);
    await this.#overtake(snapshot.sessionId);
    const overtaken = new AbortController();
    const running = this.#run(input, access, resumption, AbortSignal.any([signal, overtaken.signal]));
    const attempt = { overtaken, ended: running.catch(() => undefined) };
    this.#running.set(snapshot.sessionId, attempt);
    try {
      return outcomeOf(await running);
    } catch (error) {
      throw await this.#withProgress(snapshot.sessionId, error);
    } finally {
      if (this.#running.get(snapshot.sessionId) === attempt) this.#running.delete(snapshot.sessionId);
    }
  }

  /** Stops the older attempt of this process, whose commands would go on in the work tree that the newer one restores. */
  async #overtake(sessionId: string): Promise<void> {
    for (let older = this.#running.get(sessionId); older !== undefined; older = this.#running.get(sessionId)) {
      older.overtaken.abort(new HoldfastError('STALE_ATTEMPT', `Another attempt has taken over session ${sessionId}.`));
      await Promise.race([older.ended, new Promise((resolve) => setTimeout(resolve, OVERTAKE_MS).unref())]);
      if (this.#running.get(sessionId) === older) this.#running.delete(sessionId);
    }
  }

  /** The models that gave replies. `asked` is what was asked for: most providers answer with that. */
  async servedModels(sessionId: string, asked: string): Promise<string[]> {
    return servedModelsIn(await this.#store.journal.transcript(sessionId), asked);
  }

  /** What the agent said when it handed in, or null. */
  async summary(sessionId: string): Promise<string | null> {
    const entries = await this.#store.journal.transcript(sessionId);
    if (entries.length === 0) return null;
    const standing = standingOf(restoreTranscript('/', sessionId, entries));
    return standing.kind === 'submitted' ? (await this.#store.redactorOf(sessionId)).text(standing.summary) : null;
  }

  async #run(input: ChunkInput, access: ModelAccess, resumption: Resumption, signal: AbortSignal): Promise<ChunkEnd> {
    const { sessionId } = input.snapshot;
    const git = this.#git.open(sessionId);
    const workTree = await git.takeWorkspace(resumption.epoch, this.#owner);
    try {
      const parts = { sandbox: this.#sandbox, events: this.#store.events, settings: this.#egress };
      await using egress = await SessionEgress.open(sessionId, input.snapshot.sandbox.network, parts);
      return await this.#runIn({ workTree, egress }, input, access, resumption, signal);
    } finally {
      // All its commands have ended. Unsaid, the next attempt has to find that out, or to begin with an empty directory.
      await git.releaseWorkspace(workTree).catch(() => undefined);
    }
  }

  async #runIn(
    { workTree, egress }: { readonly workTree: WorkTree; readonly egress: SessionEgress },
    { snapshot, maxTurns, maxChunkMs, feedback, limits, onProgress }: ChunkInput,
    access: ModelAccess,
    resumption: Resumption,
    signal: AbortSignal,
  ): Promise<ChunkEnd> {
    // Once the walls cannot be built, or the files cannot be written, nothing that the agent is told counts.
    const broken = new AbortController();
    const sandbox = reportingSandbox(this.#sandbox, (error) => broken.abort(error));
    const { sessionId } = snapshot;
    const { effects, journal, sessions } = this.#store;
    const { epoch, checkpoint, main } = resumption;
    const { tree, kept, ignored } = checkpoint ?? { tree: snapshot.base.tree, kept: null, ignored: [] };
    const files: FileState = { tree, kept, ignored };
    const newest = (await effects.files(sessionId, checkpoint?.turn ?? 0)) ?? files;
    const redactor = await this.#store.redactorOf(sessionId);
    const git = this.#git.open(sessionId);
    const restorer = new TreeRestorer({ git, setUp: this.#setUp, snapshot, workTree, worker: this.#owner.name });
    const filesReady = moving(onProgress, restorer.restore(newest, signal));
    filesReady.catch((error: unknown) => broken.abort(error));
    if (!restorer.mayLag(newest)) await filesReady;
    const recorder = new FileRecorder({ store: this.#store, git, workTree, snapshot });
    const end = performance.now() + maxChunkMs;
    const ledger = new Ledger(checkpoint?.usage ?? noUsage, resumption.lost, files);
    const running = runChunk({
      snapshot,
      access,
      cwd: this.#sandbox.workspacePath(workTree.spec),
      systemPrompt: systemPromptFor(snapshot),
      tools: agentTools({
        whitelist: snapshot.tools,
        sandbox,
        spec: { ...workTree.spec, ...(snapshot.sandbox.limits && { limits: snapshot.sandbox.limits }) },
        leftWallMs: () => leftWallMs(ledger.total, limits),
        commands: egress.access,
        onPlan: (steps) => this.#notePlan(sessionId, epoch, redactor.json(steps)),
        redactor,
      }),
      thread: main,
      newest: checkpoint?.thread ?? main.id,
      recording: {
        journal,
        sessionId,
        epoch,
        ledger,
        filesReady,
        takeFiles: (known) => recorder.take(known),
        beforeEffect: () => restorer.touched(),
        onCheckpoint: (checkpointed) => restorer.committed(checkpointed),
      },
      note: restorer.note(),
      effects: { effects, sessionId, epoch, commandsReachOut: reachesOut(snapshot.sandbox) },
      instructions: instructionsOf(snapshot, feedback),
      limits,
      stuckLimits: this.#stuck,
      isOver: async (turns) =>
        turns >= maxTurns || performance.now() >= end || this.#isStopping() || (await sessions.isHeld(sessionId)),
      onProgress: onProgress ?? (() => undefined),
      signal: AbortSignal.any([signal, broken.signal]),
      subAgents: new SubAgentRecords(this.#store, snapshot),
    });
    const ended = running.catch(async (error: unknown) => {
      await journal.noteLoss(sessionId, epoch, ledger.loss).catch(() => undefined); // The failure itself matters more.
      throw error;
    });
    return endOnceWritten(filesReady, ended);
  }

  async #notePlan(sessionId: string, epoch: number, written: readonly PlanStep[]): Promise<void> {
    const at = Date.now();
    const steps = boundedPlan(written);
    if ((await this.#store.sessions.setPlan(sessionId, epoch, steps, at)) === 0) {
      throw new HoldfastError('STALE_ATTEMPT', `Another attempt has taken over session ${sessionId}.`);
    }
    const turns = (await this.#store.journal.usage(sessionId)).turns;
    const data = { plan: steps, progress: progressOf('coding', steps).percent };
    const event = { type: 'plan', state: 'EXECUTING', stage: 'coding', at, data } as const;
    const content = createHash('sha256').update(JSON.stringify(steps)).digest('hex').slice(0, 16);
    await this.#store.events.append(sessionId, { key: `plan/${turns}/${content}`, ...event });
  }

  /** A failure tells how far the session had come: whoever waits an outage out sees whether there was progress. */
  async #withProgress(sessionId: string, error: unknown): Promise<unknown> {
    if (!(error instanceof HoldfastError)) return error;
    const { turns } = await this.#store.journal.usage(sessionId).catch(() => noUsage);
    const { code, message, remedy, details, retryAfterMs, cause } = error;
    const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
    return new HoldfastError(code, message, { remedy, details: { ...details, turns }, cause, ...wait });
  }
}

function instructionsOf(snapshot: Snapshot, feedback: string | null): Instructions {
  const inherited = snapshot.parent?.seq ?? 0;
  return { task: taskPromptFor(snapshot), fork: forkPromptFor(snapshot), feedback, inherited };
}

/** Nobody else may have a work tree that is still being written; what kept it from being is what the run failed of. */
async function endOnceWritten<T>(filesReady: Promise<void>, running: Promise<T>): Promise<T> {
  const [written, run] = await Promise.allSettled([filesReady, running]);
  if (written.status === 'rejected') throw written.reason;
  if (run.status === 'rejected') throw run.reason;
  return run.value;
}

function outcomeOf({ standing, turns, tree }: ChunkEnd): ChunkOutcome {
  if (standing.kind === 'blocked') throw new HoldfastError('BLOCKED', `The agent is blocked: ${standing.reason}`);
  if (standing.kind === 'ended') throw new HoldfastError('NO_RESULT', 'The agent ended without a result.');
  return { outcome: standing.kind === 'submitted' ? 'submitted' : 'more', turns, tree };
}
