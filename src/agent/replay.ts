import {
  createAssistantMessageEventStream,
  type AssistantMessage,
  type ToolResultMessage,
} from '@earendil-works/pi-ai';
import type { AgentSession, ToolDefinition } from '@earendil-works/pi-coding-agent';
import type { Entry } from '../store/journal.ts';

/**
 * Answers the session's first request with a reply that had arrived before a crash, without asking the provider again. pi then runs
 * its tools as usual, on the restored files. Only a turn's request is answered so; a compaction asks the provider.
 */
export function replayFirst(session: AgentSession, reply: AssistantMessage): void {
  const { agent } = session;
  const ask = agent.streamFunction;
  const prepare = agent.prepareRequest;
  let pending: AssistantMessage | null = reply;
  let isTurn = false;
  agent.prepareRequest = async (...request) => {
    isTurn = true;
    return (await prepare?.(...request)) ?? undefined;
  };
  agent.streamFunction = (...request) => {
    const replayed = isTurn ? pending : null;
    isTurn = false;
    if (replayed === null) return ask(...request);
    pending = null;
    const stream = createAssistantMessageEventStream();
    stream.push({ type: 'start', partial: replayed });
    const reason = replayed.stopReason === 'toolUse' || replayed.stopReason === 'length' ? replayed.stopReason : 'stop';
    stream.push({ type: 'done', reason, message: replayed });
    return stream;
  };
}

/** Results by the id of their call. */
export type Results = ReadonlyMap<string, ToolResultMessage>;

/**
 * What was recorded for the calls of a replayed reply that come before a certain one. When that one has made a checkpoint of its own,
 * the files hold what they did: running them anew would do it twice.
 */
export function resultsBefore(
  reply: AssistantMessage,
  tail: readonly Entry[],
  isTheOne: (callId: string) => boolean,
): Results {
  const calls = reply.content.flatMap((part) => (part.type === 'toolCall' ? [part.id] : []));
  const done = calls.slice(0, Math.max(0, calls.findIndex(isTheOne)));
  const results = tail.flatMap((entry) => {
    const message = entry['message'] as ToolResultMessage | undefined;
    return message?.role === 'toolResult' && done.includes(message.toolCallId) ? [message] : [];
  });
  return new Map(results.map((result) => [result.toolCallId, structuredClone(result)]));
}

/** The tools, which give these results again instead of running for them. */
export function givingAgain(tools: readonly ToolDefinition[], results: Results): ToolDefinition[] {
  return tools.map((tool) => ({
    ...tool,
    execute: async (callId, ...rest) => {
      const recorded = results.get(callId);
      if (recorded === undefined) return tool.execute(callId, ...rest);
      const { content, details, isError } = recorded;
      if (isError) throw new Error(content.map((part) => (part.type === 'text' ? part.text : '')).join(''));
      return { content, details };
    },
  }));
}
