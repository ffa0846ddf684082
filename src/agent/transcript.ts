import type { AssistantMessage, ToolResultMessage } from '@earendil-works/pi-ai';
import { SessionManager, type FileEntry } from '@earendil-works/pi-coding-agent';
import type { Usage } from '../domain/usage.ts';
import type { Entry } from '../store/journal.ts';
import { NUDGE_TYPE } from './no-interaction-extension.ts';
import { BLOCKED, SUBMIT } from './tools/control-tools.ts';

/**
 * A session manager over recorded entries (copied: pi changes the array it is given). The id in their header stays: a fork goes on
 * with its parent's, so that its requests are to the byte what the parent's would have been, and a provider that finds its cache by
 * the id finds what it has of the conversation.
 */
export function restoreTranscript(cwd: string, sessionId: string, entries: readonly Entry[]): SessionManager {
  const copy = structuredClone(entries) as unknown as FileEntry[];
  return SessionManager.inMemory(cwd, { id: sessionId }, copy.length > 0 ? copy : undefined);
}

/** All entries as they are recorded: the header is the first. */
export function entriesOf(manager: SessionManager): Entry[] {
  const header = manager.getHeader();
  return [...(header === null ? [] : [header]), ...manager.getEntries()] as unknown as Entry[];
}

/** What was recorded after a checkpoint. */
export interface Tail {
  /** What went before the next reply: a summary, what we told the agent. It stays: the next request is made of it as well. */
  readonly before: readonly Entry[];
  /** The reply, if it had arrived: it was paid for and is not asked for again. What its tools gave is made anew. */
  readonly reply: AssistantMessage | null;
}

/** Parts the entries after a checkpoint at the reply. */
export function partTail(tail: readonly Entry[]): Tail {
  const index = tail.findIndex((entry) => {
    const message = messageOf(entry);
    return message?.role === 'assistant' && isGood(message);
  });
  if (index === -1) return { before: tail, reply: null };
  return { before: tail.slice(0, index), reply: structuredClone(messageOf(tail[index]) as AssistantMessage) };
}

/** What the summaries among these entries have cost. */
export function summaryCosts(entries: readonly Entry[]): Partial<Usage>[] {
  return entries.flatMap((entry) => {
    const usage =
      entry['type'] === 'compaction' ? (entry['usage'] as AssistantMessage['usage'] | undefined) : undefined;
    return usage === undefined ? [] : [usageOf({ usage })];
  });
}

/** What a reply or a summary has cost. */
export function usageOf({ usage }: Pick<AssistantMessage, 'usage'>): Partial<Usage> {
  return {
    inputTokens: usage.input,
    outputTokens: usage.output,
    cacheReadTokens: usage.cacheRead,
    cacheWriteTokens: usage.cacheWrite,
    costUsd: usage.cost.total,
  };
}

function messageOf(entry: Entry | undefined): AssistantMessage | ToolResultMessage | undefined {
  return entry?.['type'] === 'message' ? (entry['message'] as AssistantMessage | ToolResultMessage) : undefined;
}

/** The last reply, when nothing but what its tools gave came after it. */
export function lastReply(manager: SessionManager): AssistantMessage | null {
  for (const entry of manager.getBranch().toReversed()) {
    if (entry.type !== 'message' || entry.message.role === 'user') return null;
    if (entry.message.role === 'assistant') return entry.message;
  }
  return null;
}

/** The models that gave the good replies, each once, as their provider names them; `asked` where it names none. */
export function servedModelsIn(entries: readonly Entry[], asked: string): string[] {
  const replies = entries
    .map((entry) => entry['message'] as AssistantMessage | undefined)
    .filter((message) => message?.role === 'assistant' && isGood(message));
  return [...new Set(replies.map((message) => message?.responseModel ?? asked))];
}

/** True for a reply that can be built upon. */
export function isGood(message: AssistantMessage): boolean {
  return message.stopReason !== 'error' && message.stopReason !== 'aborted';
}

/** How a transcript stands. */
export type Standing =
  | { readonly kind: 'empty' }
  | { readonly kind: 'open' }
  | { readonly kind: 'submitted'; readonly summary: string }
  | { readonly kind: 'blocked'; readonly reason: string }
  /** The last reply ended without a tool call and nothing came after it. */
  | { readonly kind: 'ended' };

/** What the last messages say. */
export function standingOf(manager: SessionManager): Standing {
  const messages = manager
    .buildSessionProjection()
    .entries.flatMap((entry) => entry.messages)
    .filter(({ role }) => role !== 'system');
  const last = messages.at(-1);
  if (last === undefined) return { kind: 'empty' };
  if (last.role === 'assistant') return { kind: 'ended' };
  if (last.role !== 'toolResult' || last.isError) return { kind: 'open' };
  const args = argumentsOf(messages as readonly { role: string }[], last);
  if (last.toolName === SUBMIT) return { kind: 'submitted', summary: textOf(args['summary']) };
  if (last.toolName === BLOCKED) return { kind: 'blocked', reason: textOf(args['reason']) };
  return { kind: 'open' };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function argumentsOf(messages: readonly { role: string }[], result: ToolResultMessage): Record<string, unknown> {
  const reply = messages.findLast(({ role }) => role === 'assistant') as AssistantMessage | undefined;
  const call = reply?.content.find((part) => part.type === 'toolCall' && part.id === result.toolCallId);
  return call?.type === 'toolCall' ? call.arguments : {};
}

/** True for results among which is one that ends the run. */
export function endsRun(results: readonly Pick<ToolResultMessage, 'toolName' | 'isError'>[]): boolean {
  return results.some(({ toolName, isError }) => !isError && (toolName === SUBMIT || toolName === BLOCKED));
}

/** How often the agent has been nudged since it was last told something. */
export function nudgesIn(manager: SessionManager): number {
  let count = 0;
  for (const entry of manager.getBranch()) {
    if (entry.type === 'message' && entry.message.role === 'user') count = 0;
    if (entry.type === 'custom_message' && entry.customType === NUDGE_TYPE) count += 1;
  }
  return count;
}

/** The entries of the session itself, without the first `inherited` ones, which a fork has of its parent. */
export function ownEntries(manager: SessionManager, inherited: number): ReturnType<SessionManager['getEntries']> {
  return manager.getEntries().slice(Math.max(0, inherited - 1)); // The header is the first one.
}

/** True when the agent has been told exactly this, after the first `inherited` entries. */
export function wasTold(manager: SessionManager, text: string, inherited = 0): boolean {
  return ownEntries(manager, inherited).some((entry) => {
    if (entry.type !== 'message' || entry.message.role !== 'user') return false;
    const { content } = entry.message;
    return typeof content === 'string'
      ? content === text
      : content.some((part) => part.type === 'text' && part.text === text);
  });
}
