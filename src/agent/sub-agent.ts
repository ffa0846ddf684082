import { HoldfastError } from '../domain/failure.ts';
import { subAgentTools, type SubAgentCall } from '../domain/sub-agent.ts';
import type { Thread } from '../store/journal.ts';
import type { ChunkEnd, ChunkJob } from './agent-chunk.ts';
import { subAgentPromptFor, subAgentTaskFor } from './sub-agent-prompt.ts';
import type { TaskAnswer, TaskArguments } from './tools/task-tool.ts';
import type { Standing } from './transcript.ts';

/** Most of a report that the parent is shown, in characters. */
const MAX_REPORT_CHARS = 20_000;

/** The records of the sub-agents of a session. */
export interface SubAgentRecords {
  /** The id of a call's sub-agent, which is its thread's: always the same for the same call. */
  idOf(call: Pick<SubAgentCall, 'turn' | 'callId'>): string;
  /** Freezes what was agreed, if nothing has been yet, and answers what the sub-agent has done so far. */
  open(call: SubAgentCall): Promise<Thread>;
}

/** How a sub-agent's part of the chunk ended: with an answer for its parent, or open, to be gone on with in the next chunk. */
export type SubAgentEnd = { readonly kind: 'open' } | ({ readonly kind: 'answer' } & TaskAnswer);

/**
 * Runs a call's sub-agent from wherever the records say it is: up to its end, or to the border of the chunk. It has the same work tree,
 * walls and journal as its parent, and no tool that the parent has not.
 * @throws HoldfastError what ends the parent's chunk as well: all that a chunk can end with but NO_RESULT and STUCK, which are answers
 */
export async function runSubAgent(
  parent: ChunkJob & { readonly subAgents: SubAgentRecords },
  call: TaskArguments & Pick<SubAgentCall, 'turn' | 'callId'>,
  run: (job: ChunkJob) => Promise<ChunkEnd>,
): Promise<SubAgentEnd> {
  const { snapshot } = parent;
  const { turn, callId, title, prompt } = call;
  const whitelist = subAgentTools(snapshot.tools, call.tools);
  if ('refused' in whitelist) return { kind: 'answer', isError: true, text: refusal(whitelist) };
  const { tools } = whitelist;
  const systemPrompt = subAgentPromptFor({ tools });
  const thread = await parent.subAgents.open({ turn, callId, title, prompt, tools, systemPrompt });
  const end = await run({
    ...parent,
    snapshot: { ...snapshot, tools: [...tools] },
    systemPrompt,
    tools: parent.tools.filter(({ name }) => tools.includes(name)),
    thread,
    instructions: { task: subAgentTaskFor({ title, prompt }), fork: null, feedback: null, inherited: 0 },
    note: thread.entries.length > 0 ? parent.note : null, // One that only begins has not seen what was there before.
    subAgents: null,
  }).catch((error: unknown) => {
    if (error instanceof HoldfastError && (error.code === 'NO_RESULT' || error.code === 'STUCK'))
      return { standing: { kind: 'ended' } } as const;
    throw error;
  });
  return endOf(end.standing, thread.id);
}

/** The answer follows from the transcript alone: whichever attempt gives it, the parent's next request has the same bytes. */
function endOf(standing: Standing, task: string): SubAgentEnd {
  const answer = (text: string, isError = false): SubAgentEnd => ({ kind: 'answer', text, isError, task });
  if (standing.kind === 'submitted') return answer(bounded(standing.summary));
  if (standing.kind === 'blocked') return answer(`[holdfast] The sub-agent is blocked: ${bounded(standing.reason)}`);
  if (standing.kind === 'ended') return answer('[holdfast] The sub-agent ended without a result.', true);
  return { kind: 'open' };
}

function bounded(text: string): string {
  if (text.length <= MAX_REPORT_CHARS) return text;
  return `${text.slice(0, MAX_REPORT_CHARS)}\n[${text.length - MAX_REPORT_CHARS} more characters are not shown]`;
}

function refusal({ refused, allowed }: { refused: readonly string[]; allowed: readonly string[] }): string {
  return `A sub-agent cannot have: ${refused.join(', ')}. It can have: ${allowed.join(', ')}.`;
}
