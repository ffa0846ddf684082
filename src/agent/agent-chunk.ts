import type { AgentSession, ToolDefinition } from '@earendil-works/pi-coding-agent';
import { HoldfastError } from '../domain/failure.ts';
import type { Limits } from '../domain/session.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import { exhaustedLimit } from '../domain/usage.ts';
import type { ModelAccess } from '../model/provider.ts';
import type { Resumption } from '../store/journal.ts';
import { goOn, type Instructions } from './agent-run.ts';
import { openAgentSession } from './agent-session.ts';
import { NoInteractionExtension } from './no-interaction-extension.ts';
import { PersistenceExtension, type Recording } from './persistence-extension.ts';
import { replayFirst } from './replay.ts';
import { StopSignal } from './stop-signal.ts';
import { systemPromptFor } from './system-prompt.ts';
import { nudgesIn, recordedReply, restoreTranscript, standingOf, wasTold, type Standing } from './transcript.ts';

/** How entries that tell the agent about its surroundings are marked in the transcript. */
const NOTE_TYPE = 'holdfast.note';

/** A chunk to be run. */
export interface ChunkJob {
  readonly snapshot: Snapshot;
  readonly access: ModelAccess;
  /** The work tree as the agent sees it. */
  readonly cwd: string;
  readonly tools: readonly ToolDefinition[];
  readonly resumption: Resumption;
  readonly recording: Recording;
  readonly instructions: Instructions;
  /** Something of ours that the agent must know before its next request; null for nothing. */
  readonly note: string | null;
  readonly limits: Limits;
  /** Asked at each turn border, with the turns taken in this chunk: whether the chunk is to end there. */
  readonly isOver: (turns: number) => Promise<boolean>;
  /** Called at each sign of progress: a piece of a reply, the start or the end of a tool, a record. */
  readonly onProgress: () => void;
  readonly signal: AbortSignal;
}

/** How a chunk ended. */
export interface ChunkEnd {
  readonly standing: Standing;
  /** Turns of the whole session. */
  readonly turns: number;
  readonly tree: string;
}

/**
 * Runs turns of the agent until it hands in, is stopped, or a border is reached. Everything up to the last finished turn is
 * committed when the promise settles, however it settles.
 * @throws HoldfastError INTERACTION_ATTEMPTED, NO_RESULT, BUDGET_REACHED, STALE_ATTEMPT, MODEL_*
 * @throws what the signal was aborted with
 */
export async function runChunk(job: ChunkJob): Promise<ChunkEnd> {
  const { cwd, resumption, snapshot, instructions, signal } = job;
  const sessionManager = restoreTranscript(cwd, snapshot.sessionId, resumption.entries);
  const stop = new StopSignal();
  const noInteraction = new NoInteractionExtension(stop, () => nudgesIn(sessionManager));
  const persistence = new PersistenceExtension(job.recording);
  const over = (): ChunkEnd => ({
    standing: standingOf(sessionManager),
    turns: persistence.usage.turns,
    tree: persistence.tree,
  });
  const told = instructions.feedback === null || wasTold(sessionManager, instructions.feedback);
  if (told && hasEnded(standingOf(sessionManager))) return over();
  const reply = recordedReply(resumption.tail);
  // A reply that is paid for is used up, whatever the limits say.
  if (reply === null) assertWithin(job, persistence);

  const session = await openAgentSession({
    cwd,
    access: job.access,
    thinkingLevel: snapshot.model.thinkingLevel,
    systemPrompt: systemPromptFor(snapshot),
    tools: snapshot.tools,
    customTools: job.tools,
    noInteraction,
    sessionManager,
  });
  const abort = (): void => void session.abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    session.agent.subscribe((event) => {
      job.onProgress();
      if (event.type === 'message_end' && event.message.role === 'assistant') noInteraction.inspect(event.message);
    });
    if (job.note !== null) tell(session, job.note, reply !== null);
    persistence.attach(session);
    if (reply !== null) replayFirst(session, reply);
    endAtBorders(session, job, stop, persistence);
    signal.throwIfAborted();
    await goOn(session, instructions).catch((error: unknown) => {
      throw signal.aborted ? signal.reason : (persistence.failure ?? error);
    });
    signal.throwIfAborted();
    await persistence.settle();
    if (stop.reason !== null) throw stop.reason;
    return over();
  } finally {
    signal.removeEventListener('abort', abort);
    await persistence.settle().catch(() => undefined); // A checkpoint in flight is finished; its failure has been told already.
    session.dispose();
  }
}

/** A reply that is replayed was given without the note: it then comes after that turn. An agent that has ended is told nothing. */
function tell({ agent, sessionManager }: AgentSession, note: string, afterTurn: boolean): void {
  const append = (): void => void sessionManager.appendCustomMessageEntry(NOTE_TYPE, note, false);
  if (!afterTurn) return append();
  const finish = agent.finishTurn;
  let told = false;
  agent.finishTurn = async (turn, signal) => {
    const decision = await finish?.(turn, signal);
    if (!told && !endsRun(turn.toolResults)) append();
    told = true;
    return decision ?? undefined;
  };
}

function hasEnded({ kind }: Standing): boolean {
  return kind === 'submitted' || kind === 'blocked' || kind === 'ended';
}

/** Ends the run after a turn, never within one: the transcript stays well-formed and the checkpoint is whole. */
function endAtBorders(session: AgentSession, job: ChunkJob, stop: StopSignal, persistence: PersistenceExtension): void {
  const finish = session.agent.finishTurn;
  let turns = 0;
  session.agent.finishTurn = async (turn, signal) => {
    const decision = await finish?.(turn, signal);
    turns += 1;
    const exhausted = exhaustedLimit(persistence.usage, job.limits);
    if (exhausted !== null && !endsRun(turn.toolResults)) stop.stop(budgetReached(exhausted));
    if (stop.reason !== null || (await job.isOver(turns))) return { action: 'end' };
    return decision ?? undefined;
  };
}

function endsRun(results: readonly { readonly toolName: string; readonly isError: boolean }[]): boolean {
  return results.some(
    ({ toolName, isError }) => !isError && (toolName === 'submit_result' || toolName === 'report_blocked'),
  );
}

function assertWithin({ limits }: ChunkJob, persistence: PersistenceExtension): void {
  const exhausted = exhaustedLimit(persistence.usage, limits);
  if (exhausted !== null) throw budgetReached(exhausted);
}

function budgetReached(why: string): HoldfastError {
  return new HoldfastError('BUDGET_REACHED', `The budget is used up: ${why}. Everything is kept.`);
}
