import type { AssistantMessage } from '@earendil-works/pi-ai';
import type { AgentSession, ToolDefinition } from '@earendil-works/pi-coding-agent';
import type { Limits } from '../domain/session.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { StuckLimits } from '../domain/stuck.ts';
import type { ModelAccess } from '../model/provider.ts';
import type { Entry, Thread } from '../store/journal.ts';
import { goOn, untold, type Instructions } from './agent-run.ts';
import { EffectGuard, type GuardParts } from './effect-guard.ts';
import { openAgentSession } from './agent-session.ts';
import { isLong } from './compaction.ts';
import { markRun, markTools } from './fault-points.ts';
import { ModelCalls } from './model-calls.ts';
import { NoInteractionExtension } from './no-interaction-extension.ts';
import { PersistenceExtension, type Recording } from './persistence-extension.ts';
import { givingAgain, resultsBefore, type Results } from './replay.ts';
import { StopSignal } from './stop-signal.ts';
import { runSubAgent, type SubAgentRecords } from './sub-agent.ts';
import { Suspension } from './suspension.ts';
import { TASK, taskTool } from './tools/task-tool.ts';
import {
  endsRun,
  lastReply,
  nudgesIn,
  partTail,
  restoreTranscript,
  standingOf,
  summaryCosts,
  type Standing,
} from './transcript.ts';
import { WatchExtension } from './watch-extension.ts';

/** How entries that tell the agent about its surroundings are marked in the transcript. */
const NOTE_TYPE = 'holdfast.note';

/** A chunk to be run: the agent's, or the part of it that a sub-agent does. */
export interface ChunkJob {
  readonly snapshot: Snapshot;
  readonly access: ModelAccess;
  /** The work tree as the agent sees it. */
  readonly cwd: string;
  readonly systemPrompt: string;
  readonly tools: readonly ToolDefinition[];
  /** What is recorded of this agent. */
  readonly thread: Thread;
  /** The thread of the session's newest checkpoint. */
  readonly newest: string;
  readonly recording: Omit<Recording, 'signal'>;
  readonly effects: Omit<GuardParts, 'turn' | 'takeFiles'>;
  readonly instructions: Instructions;
  /** Something of ours that the agent must know before its next request; null for nothing. */
  readonly note: string | null;
  readonly limits: Limits;
  readonly stuckLimits: StuckLimits;
  /** Asked at each turn border, with the turns taken in this chunk: whether the chunk is to end there. */
  readonly isOver: (turns: number) => Promise<boolean>;
  /** Called at each sign of progress: a piece of a reply, the start or the end of a tool, a record. */
  readonly onProgress: () => void;
  readonly signal: AbortSignal;
  /** Null for an agent that can have none. */
  readonly subAgents: SubAgentRecords | null;
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
 * @throws HoldfastError INTERACTION_ATTEMPTED, NO_RESULT, STUCK, BUDGET_REACHED, STALE_ATTEMPT, MODEL_*
 * @throws what the signal was aborted with
 */
export async function runChunk(job: ChunkJob): Promise<ChunkEnd> {
  const { cwd, limits, stuckLimits, snapshot, instructions, signal } = job;
  const { ledger } = job.recording;
  const { before, reply } = partTail(job.thread.tail);
  const thread = { ...job.thread, entries: [...job.thread.entries, ...before] };
  const sessionManager = restoreTranscript(cwd, thread.id || snapshot.sessionId, thread.entries);
  const stop = new StopSignal();
  const noInteraction = new NoInteractionExtension(stop, () => nudgesIn(sessionManager));
  const standing = standingOf(sessionManager);
  if (untold(sessionManager, instructions) === null && hasEnded(standing)) return endOf(job, standing);
  const answered = lastReply(sessionManager);
  if (answered !== null) noInteraction.inspect(answered); // The attempt that saw it may have died before it could tell.
  const terms = { ledger, limits, stop };
  const calls = new ModelCalls({ ...terms, reply });
  const { inherited } = instructions;
  const watch = new WatchExtension({ ...terms, stuckLimits, calls, sessionManager, inherited });
  if (stop.reason !== null) throw stop.reason;
  for (const cost of summaryCosts(before)) ledger.adoptCall(cost);

  const suspension = new Suspension();
  const recording = { ...job.recording, signal: AbortSignal.any([signal, suspension.signal]) };
  const results = recordedResults(job, reply);
  const guard = await guardOf(job, thread, () => persistence.turn);
  const persistence = new PersistenceExtension(recording, thread, { answered: results.keys(), guard });
  const session = await openAgentSession({
    cwd,
    access: job.access,
    thinkingLevel: snapshot.model.thinkingLevel,
    systemPrompt: job.systemPrompt,
    tools: snapshot.tools,
    customTools: markTools(
      givingAgain(guard.guarded([...job.tools, ...delegation(job, persistence, suspension)]), results),
      snapshot.sessionId,
    ),
    noInteraction,
    watch,
    sessionManager,
  });
  const abort = (): void => void session.abort();
  recording.signal.addEventListener('abort', abort, { once: true });
  try {
    session.agent.subscribe((event) => {
      job.onProgress();
      if (event.type === 'message_end' && event.message.role === 'assistant') noInteraction.inspect(event.message);
    });
    markRun(session, snapshot.sessionId);
    if (job.note !== null && !wasNoted(before, job.note)) tell(session, job.note, reply !== null);
    persistence.attach(session);
    calls.attach(session);
    const mayGoOn = endAtBorders(session, job, stop);
    signal.throwIfAborted();
    const recordSummary = () => persistence.recordSummary(session);
    await goOn({ session, instructions, calls, recordSummary, mayGoOn }).catch((error: unknown) => {
      if (signal.aborted) throw signal.reason;
      if (!suspension.signal.aborted) throw persistence.failure ?? stop.reason ?? error;
    });
    signal.throwIfAborted();
    await persistence.settle();
    suspension.throwIfFailed();
    if (suspension.signal.aborted) return endOf(job, { kind: 'open' });
    if (stop.reason !== null) throw stop.reason;
    return endOf(job, standingOf(sessionManager));
  } finally {
    recording.signal.removeEventListener('abort', abort);
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

/** True when an earlier attempt has recorded the note, together with a summary that came after it. */
function wasNoted(before: readonly Entry[], note: string): boolean {
  return before.some((entry) => entry['customType'] === NOTE_TYPE && entry['content'] === note);
}

function endOf({ recording: { ledger } }: ChunkJob, standing: Standing): ChunkEnd {
  return { standing, turns: ledger.usage.turns, tree: ledger.files.tree };
}

function hasEnded({ kind }: Standing): boolean {
  return kind === 'submitted' || kind === 'blocked' || kind === 'ended';
}

function guardOf({ effects, recording }: ChunkJob, thread: Thread, after: () => number): Promise<EffectGuard> {
  const { ledger, takeFiles } = recording;
  const turn = () => ({ thread: thread.id, after: after(), base: ledger.usage.turns });
  const parts = { ...effects, turn, takeFiles: () => takeFiles(ledger.files) };
  return EffectGuard.open(parts, { thread: thread.id, after: thread.turn });
}

/** The results that the files hold already, because a sub-agent that was called after them has made the newest checkpoint. */
function recordedResults({ thread, newest, subAgents }: ChunkJob, reply: AssistantMessage | null): Results {
  if (reply === null || subAgents === null || newest === thread.id) return new Map();
  return resultsBefore(reply, thread.tail, (callId) => subAgents.idOf({ turn: thread.turn, callId }) === newest);
}

/** The tool `task`, for an agent that may have sub-agents. When one does not come to its end in this chunk, nor does its parent's turn. */
function delegation(job: ChunkJob, persistence: PersistenceExtension, suspension: Suspension): ToolDefinition[] {
  const { snapshot, subAgents } = job;
  const { ledger } = job.recording;
  if (subAgents === null || !snapshot.tools.includes(TASK)) return [];
  return [
    taskTool(async (callId, call) => {
      try {
        // The sub-agent before this one may have used the chunk up.
        if (ledger.turns === 0 || !(await job.isOver(ledger.turns))) {
          const which = { ...call, callId, turn: persistence.turn };
          const end = await runSubAgent({ ...job, subAgents }, which, runChunk);
          if (end.kind === 'answer') return end;
        }
        suspension.suspend();
      } catch (error) {
        suspension.suspend(error);
      }
      return { text: 'Not finished in this chunk.', isError: true };
    }),
  ];
}

/**
 * Ends the run after a turn, never within one: the transcript stays well-formed and the checkpoint is whole. Also where the context is to
 * be compacted first; what it answers tells this from the border of the chunk.
 */
function endAtBorders(session: AgentSession, job: ChunkJob, stop: StopSignal): () => boolean {
  const { ledger } = job.recording;
  const finish = session.agent.finishTurn;
  let isOver = false;
  session.agent.finishTurn = async (turn, signal) => {
    const decision = await finish?.(turn, signal);
    isOver = stop.reason !== null || (await job.isOver(ledger.turns));
    if (isOver || isLong(session)) return { action: 'end' };
    return decision ?? undefined;
  };
  return () => !isOver;
}
