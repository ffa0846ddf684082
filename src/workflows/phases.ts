import * as wf from '@temporalio/workflow';
import type { ChunkOutcome } from '../activities/execution-runner.ts';
import { HoldfastError, isModelOutage } from '../domain/failure.ts';
import type { LivePhase, Next, Stage, State } from '../domain/session.ts';
import { analyzing, executing, recording, sourcing, verifying } from './activity-options.ts';
import type { Awaited } from './details.ts';
import { troubleOf } from './failures.ts';
import type { SessionInput } from './input.ts';
import type { Mailbox } from './mailbox.ts';
import { preflight } from './preflight.ts';
import { untilResumed, type StorageCure } from './storage-cure.ts';

/** What the phases share with the workflow besides the state. */
export interface Course {
  readonly input: SessionInput;
  readonly cure: StorageCure;
  /** True from the moment the freeze begins: nothing is taken any more. */
  freezing: boolean;
  missing: readonly string[];
  awaited: Awaited;
  /** Digest of the contract as it was last checked. */
  contract: string | null;
  /** That contract in a few lines, where a person is to approve it. */
  brief: string | null;
  /** True while a pause must wait for a border instead of cancelling what runs. */
  unbroken: boolean;
  /** True while the records ask the running chunk to stop at its next border. */
  held: boolean;
}

/** What a phase works with. */
export interface Tools {
  readonly input: SessionInput;
  readonly course: Course;
  readonly box: Mailbox;
  /** Announces a stage of a state. */
  readonly post: (state: State, stage: Stage) => Promise<void>;
}

/** A function from each phase to the next one. */
export type Phases = { readonly [P in LivePhase]: (now: State<P>) => Promise<State<Next<P>>> };

/** The diagram's edges, as functions. They throw to fail; whether that pauses or ends the session is decided by the caller. */
export function phasesOf(tools: Tools): Phases {
  const { box, course, input, post } = tools;
  return {
    INIT: (now) => initialize(tools, now),
    CONTRACT_SYNTHESIS: async (now) => {
      await post(now, 'analyzing');
      await outlast(tools, () => analyzing.synthesizeContract({ sessionId: input.sessionId }));
      return { phase: 'PREFLIGHT', base: now.base };
    },
    PREFLIGHT: (now) => preflight(tools, now),
    FROZEN: async (now) => {
      await post(now, 'ready');
      const { base, frozen } = now;
      return { phase: 'EXECUTING', base, frozen, chunk: 0, turns: 0, iteration: 0, feedback: null };
    },
    EXECUTING: (now) => execute(tools, now),
    PAUSED: async (now) => {
      do {
        await untilResumed(box, { sessionId: input.sessionId, cure: course.cure }, now);
        await hold(tools, false);
      } while (!box.resumed); // Paused again meanwhile.
      box.resumed = false;
      return now.resumeTo;
    },
  };
}

async function initialize({ box, input, post }: Tools, now: State<'INIT'>): Promise<State<'CONTRACT_SYNTHESIS'>> {
  await post(now, 'pending');
  await post(now, 'cloning');
  const base = await sourcing.prepareSource({ sessionId: input.sessionId });
  const asked = await wf.condition(() => input.auto || box.supplied > 0, input.preflightTimeoutMs);
  if (!asked) throw new HoldfastError('PREFLIGHT_TIMEOUT', 'Nobody asked for the preflight in time.');
  return { phase: 'CONTRACT_SYNTHESIS', base };
}

async function execute(tools: Tools, now: State<'EXECUTING'>): Promise<State<Next<'EXECUTING'>>> {
  const { box, course, input, post } = tools;
  const { sessionId } = input;
  if (course.held) await hold(tools, false);
  await post(now, 'coding');
  const chunk = await withinLimits(box, () => outlast(tools, () => runChunk(tools, now)));
  const next = { ...now, chunk: now.chunk + 1, turns: chunk.turns, tree: chunk.tree };
  if (chunk.outcome === 'more') return next;
  // The pause was to wait for the border of a turn: this is one, and checks can take long. Afterwards the chunk ends at once.
  if (box.pause !== null && wf.patched('pause-before-checks')) return next;

  await post(next, 'testing');
  const verdict = await verifying.verify({
    sessionId,
    digest: now.frozen.digest,
    tree: chunk.tree,
    iteration: now.iteration,
  });
  if (!verdict.accepted) {
    if (now.iteration >= box.limits.maxIterations) {
      throw new HoldfastError('CHECKS_FAILED', `Still red after ${now.iteration} rounds of repair: ${verdict.summary}`);
    }
    return { ...next, iteration: now.iteration + 1, feedback: verdict.evidence };
  }
  await post(next, 'committing');
  course.unbroken = true;
  const delivered = await sourcing
    .deliver({ sessionId, digest: now.frozen.digest, tree: chunk.tree, verified: verdict.verified })
    .finally(() => (course.unbroken = false));
  return { phase: 'COMPLETE', frozen: now.frozen, delivered };
}

/** Runs one chunk. A pause does not cancel it: it is asked, through the records, to return at its next turn border. */
async function runChunk(tools: Tools, now: State<'EXECUTING'>): Promise<ChunkOutcome> {
  const { box, course, input } = tools;
  const { sessionId } = input;
  const { chunk, feedback, iteration } = now;
  const watch = new wf.CancellationScope();
  const watching = watch.run(async () => {
    await wf.condition(() => box.pause !== null);
    await wf.CancellationScope.nonCancellable(() => hold(tools, true));
  });
  const watched = watching.catch((error: unknown) => {
    if (!wf.isCancellation(error)) throw error;
  });
  course.unbroken = true;
  try {
    const evidence = feedback === null ? null : { ordinal: iteration, blob: feedback };
    return await executing.runChunk({
      sessionId,
      chunk,
      digest: now.frozen.digest,
      limits: box.limits,
      feedback: evidence,
      ...(now.tree !== undefined && { reached: { turns: now.turns, tree: now.tree } }),
    });
  } finally {
    course.unbroken = false;
    watch.cancel();
    await watched;
  }
}

/** Limits that were raised while a chunk ran are not in it yet: instead of pausing, the session goes on with them. */
async function withinLimits<T>(box: Mailbox, work: () => Promise<T>): Promise<T> {
  for (;;) {
    const { limits } = box;
    try {
      return await work();
    } catch (error) {
      const raised = troubleOf(error).failure.code === 'BUDGET_REACHED' && box.limits !== limits;
      if (!raised || !wf.patched('limits-raised-meanwhile')) throw error;
    }
  }
}

async function hold({ course, input }: Tools, held: boolean): Promise<void> {
  course.held = held;
  await recording.holdSession({ sessionId: input.sessionId, held });
}

/** Waits an outage of the provider out, with growing pauses; what keeps failing without any progress is thrown. */
async function outlast<T>({ box, input }: Tools, work: () => Promise<T>): Promise<T> {
  let turns = -1;
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      const { failure, retryAfterMs } = troubleOf(error);
      if (wf.isCancellation(error) || !isModelOutage(failure)) throw error;
      const reached = Number(failure.details?.['turns'] ?? -1);
      if (reached > turns) tries = 1;
      turns = reached;
      if (tries >= input.patience.tries) throw error;
      // A pause that waited for the border of a turn has reached one: the outage can last for hours, and nothing runs meanwhile.
      if (box.pause !== null && wf.patched('pause-before-wait'))
        throw new wf.CancelledFailure('Paused before the wait.');
      const backoffMs = Math.min(input.patience.backoffMs * 2 ** (tries - 1), 60_000);
      await wf.sleep(Math.max(backoffMs, retryAfterMs ?? 0), { summary: `${failure.code}: try ${tries + 1} follows` });
    }
  }
}
