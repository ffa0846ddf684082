import * as wf from '@temporalio/workflow';
import { isCurable } from '../domain/failure.ts';
import { isLive, isPausable, type LivePhase, type Next, type SessionView, type State } from '../domain/session.ts';
import { concluding } from './activity-options.ts';
import { openBulletin } from './bulletin.ts';
import { failureOf, refusal, troubleOf } from './failures.ts';
import type { SessionInput } from './input.ts';
import { openMailbox, type Mailbox } from './mailbox.ts';
import { phasesOf, type Course } from './phases.ts';

/**
 * One task from request to delivery: the diagram of domain/session.ts, running.
 * Handlers are registered before the first await; each phase is a function to the next one; every change is announced.
 * @throws ApplicationFailure whose type is the failure's code, when the session ends FAILED.
 */
export async function session(input: SessionInput): Promise<State<'COMPLETE'>> {
  let state: State = input.carried?.state ?? { phase: 'INIT' };
  let scope = new wf.CancellationScope();
  const course = newCourse(input);
  const bulletin = openBulletin(input, () => ({ view: view(), awaited: course.awaited, brief: course.brief }));
  const view = (): SessionView => viewOf(state, course, bulletin.rev(), bulletin.stage());
  // Only now: a message that came before the handlers is delivered while they are registered.
  const box = openMailbox(input, {
    state: () => state,
    closed: () => course.freezing,
    view,
    interrupt: (why) => {
      if (why === 'abort' || !course.unbroken) scope.cancel();
    },
  });
  const phases = phasesOf({ input, course, box, post: (now, stage) => bulletin.post(now, stage) });
  const step = <P extends LivePhase>(now: State<P>): Promise<State<Next<P>>> => phases[now.phase](now);

  while (isLive(state)) {
    const from: State<LivePhase> = state;
    scope = new wf.CancellationScope();
    const interrupted = interruption(box, from);
    state = interrupted ?? (await scope.run(() => step(from)).catch((error: unknown) => after(error, box, from)));
    if (state.phase === 'PAUSED' && from.phase !== 'PAUSED') await bulletin.post(state, 'paused');
    if (state.phase === 'EXECUTING' && box.abort === null && box.pause === null) {
      await continueAsNewIfLong(input, box, state, bulletin.rev());
    }
  }
  const ended = state as State<'COMPLETE' | 'FAILED'>;
  await wf.CancellationScope.nonCancellable(async () => {
    await concluding.conclude({ sessionId: input.sessionId, ended });
    await bulletin.post(ended, ended.phase === 'COMPLETE' ? 'completed' : 'failed');
    await concluding.cleanUp({ sessionId: input.sessionId });
    await wf.condition(wf.allHandlersFinished);
  });
  if (ended.phase === 'FAILED') throw refusal(ended.failure.code, ended.failure.message, ended.failure.details);
  return ended;
}

function newCourse(input: SessionInput): Course {
  const awaited = { inputs: [], answers: [] };
  const cure = { turns: 0, tries: 0 };
  return {
    input,
    cure,
    freezing: false,
    missing: [],
    awaited,
    contract: null,
    brief: null,
    unbroken: false,
    held: false,
  };
}

/** Where abort or pause lead from here, if one was asked for. */
function interruption(box: Mailbox, from: State<LivePhase>): State<'FAILED' | 'PAUSED'> | null {
  if (box.abort !== null) return { phase: 'FAILED', failure: failureOf('ABORTED', box.abort), from: from.phase };
  if (box.pause === null || !isPausable(from)) return null;
  const reason = box.pause;
  box.pause = null;
  return { phase: 'PAUSED', resumeTo: from, reason };
}

/** Where a step leads that threw: what can be cured pauses, everything else is the end. */
function after(error: unknown, box: Mailbox, from: State<LivePhase>): State<LivePhase | 'FAILED'> {
  if (wf.isCancellation(error)) {
    if (box.abort === null && box.pause !== null) return from;
    return {
      phase: 'FAILED',
      failure: failureOf('ABORTED', box.abort ?? 'The workflow was cancelled.'),
      from: from.phase,
    };
  }
  const { failure } = troubleOf(error);
  if (isCurable(failure) && isPausable(from)) return { phase: 'PAUSED', resumeTo: from, reason: failure };
  return { phase: 'FAILED', failure, from: from.phase };
}

/** Starts a fresh history at a quiet moment: no activity runs and no message is waiting. */
async function continueAsNewIfLong(
  input: SessionInput,
  box: Mailbox,
  state: State<'EXECUTING'>,
  rev: number,
): Promise<void> {
  const { continueAsNewSuggested, historyLength } = wf.workflowInfo();
  if (!continueAsNewSuggested && historyLength < input.maxHistoryEvents) return;
  await wf.condition(wf.allHandlersFinished);
  if (box.abort !== null || box.pause !== null) return; // Came while we waited; the next run would not know of it.
  const { inputs, answers, limits, seen } = box;
  const carried = { state, rev, limits, inputs, answers, seen: [...seen] };
  await wf.continueAsNew<typeof session>({ ...input, carried });
}

function viewOf(state: State, course: Course, rev: number, stage: SessionView['stage']): SessionView {
  const execution = state.phase === 'PAUSED' ? state.resumeTo : state;
  return {
    sessionId: course.input.sessionId,
    state: state.phase,
    stage,
    rev,
    turns: execution.phase === 'EXECUTING' ? execution.turns : 0,
    iteration: execution.phase === 'EXECUTING' ? execution.iteration : 0,
    missing: course.missing,
    contract: course.contract,
    digest: 'frozen' in execution ? execution.frozen.digest : null,
    pause: state.phase === 'PAUSED' ? state.reason : null,
    failure: state.phase === 'FAILED' ? state.failure : null,
  };
}
