import {
  createAssistantMessageEventStream,
  type AssistantMessage,
  type AssistantMessageEventStream,
  type ToolResultMessage,
} from '@earendil-works/pi-ai';
import type { ToolDefinition } from '@earendil-works/pi-coding-agent';
import type { Entry } from '../store/journal.ts';

/** A reply that had arrived before a crash, as the provider's stream would bring it: pi then runs its tools as usual. */
export function replayed(reply: AssistantMessage): AssistantMessageEventStream {
  const stream = createAssistantMessageEventStream();
  stream.push({ type: 'start', partial: reply });
  const reason = reply.stopReason === 'toolUse' || reply.stopReason === 'length' ? reply.stopReason : 'stop';
  stream.push({ type: 'done', reason, message: reply });
  return stream;
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
      return again(recorded);
    },
  }));
}

/** What a tool has to give for this result; pi makes the same error result of the same message. */
export function again({ content, details, isError }: ToolResultMessage) {
  if (isError) throw new Error(content.map((part) => (part.type === 'text' ? part.text : '')).join(''));
  return { content, details: details as unknown };
}
