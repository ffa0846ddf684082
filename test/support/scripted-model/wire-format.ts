import type { IncomingHttpHeaders } from 'node:http';
import type { Conversation, ScriptedUsage, Turn } from './scenario.ts';

/** The three HTTP APIs of the server. */
export type WireApi = 'anthropic-messages' | 'openai-completions' | 'openai-responses';

/** JSON as it comes in: nothing about it is known. */
export type Json = Readonly<Record<string, unknown>>;

/** A reply with everything that is written about it. */
export interface Reply {
  readonly turn: Turn;
  /** Deterministic, the same for the same point of the same transcript. */
  readonly id: string;
  readonly model: string;
  readonly usage: Required<ScriptedUsage>;
  /** Characters in one piece of text or arguments. */
  readonly pieceChars: number;
}

/** One server-sent event. */
export interface Frame {
  readonly event?: string;
  /** JSON text, or `[DONE]`. */
  readonly data: string;
}

/** One HTTP API: how a request is read and how a reply is written. */
export interface WireFormat {
  readonly api: WireApi;
  /** How the path of a request ends. */
  readonly path: string;
  /** The body as a conversation. */
  read(body: Json): Conversation;
  /** The API key of a request, or the empty string. */
  keyOf(headers: IncomingHttpHeaders): string;
  /** The reply as a stream. */
  frames(reply: Reply): readonly Frame[];
  /** The reply as one JSON object, for requests without `stream`. */
  answer(reply: Reply): Json;
  /** An error's body. */
  error(status: number, message: string): Json;
}

/** A value as an object; anything else is empty. */
export function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

/** A value as a list of objects; anything else is empty. */
export function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.map(objectOf) : [];
}

/** The text of a message's content: a string, or parts with `text`. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return listOf(content)
    .map((part) => (typeof part['text'] === 'string' ? part['text'] : ''))
    .join('');
}

/** One thing that stands in a transcript, as far as counting turns needs it. */
export type Item = { readonly kind: 'user' | 'result'; readonly text: string } | { readonly kind: 'other' };

/** Counts rounds of results (several in a row answer one reply) and gathers what was said. */
export function gather(items: readonly Item[]): Pick<Conversation, 'turn' | 'userMessages' | 'lastResults'> {
  let turn = 0;
  let inRound = false;
  let lastResults: string[] = [];
  const userMessages: string[] = [];
  for (const item of items) {
    if (item.kind === 'result') {
      if (!inRound) [turn, lastResults] = [turn + 1, []];
      lastResults.push(item.text);
    }
    if (item.kind === 'user') userMessages.push(item.text);
    inRound = item.kind === 'result';
  }
  return { turn, userMessages, lastResults };
}

/** A text in pieces of at most so many characters. */
export function piecesOf(text: string, size: number): string[] {
  const pieces: string[] = [];
  for (let start = 0; start < text.length; start += size) pieces.push(text.slice(start, start + size));
  return pieces;
}

/** The arguments of a reply's tool calls as JSON text; where the tokens ran out, the last of them is a torso. */
export function argumentTexts({ turn }: Pick<Reply, 'turn'>): string[] {
  const texts = (turn.tools ?? []).map(({ args }) => JSON.stringify(args));
  const last = texts.pop();
  if (last === undefined) return texts;
  return [...texts, turn.outOfTokens ? last.slice(0, Math.ceil(last.length / 2)) : last];
}

/** The token of `Authorization: Bearer …`, or the empty string. */
export function bearerOf(headers: IncomingHttpHeaders): string {
  return /^Bearer (.*)$/i.exec(headers.authorization ?? '')?.[1] ?? '';
}
