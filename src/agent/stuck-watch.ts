import { createHash } from 'node:crypto';
import type { AssistantMessage, ToolResultMessage } from '@earendil-works/pi-ai';
import type { SessionManager } from '@earendil-works/pi-coding-agent';
import { loopAtEnd, MAX_PERIOD, type StuckLimits, type StuckReason } from '../domain/stuck.ts';

/** How entries of a stuck agent's nudge are marked in the transcript. */
export const STUCK_TYPE = 'holdfast.stuck';

/** A stuck agent; in vain when it was nudged and has hardly done anything new since. */
export interface Stuck {
  readonly reason: StuckReason;
  readonly inVain: boolean;
}

/**
 * Finds out whether an agent is stuck, from the turns of its transcript and nothing else: what was recorded is read again at the beginning
 * of each attempt, so that chunks, kills and restarts change nothing.
 */
export class StuckWatch {
  readonly #limits: StuckLimits;
  /** Each call with its result that has ever been there. */
  readonly #seen = new Set<string>();
  /** The last turns since the agent was told something. */
  #turns: string[] = [];
  #idleTurns = 0;
  /** Turns with anything new since the last nudge; null when nobody has nudged it yet. */
  #newSinceNudge: number | null = null;

  constructor(limits: StuckLimits) {
    this.#limits = limits;
  }

  /** Reads the entries of a transcript: its finished turns, our nudges, and what the agent was told. */
  read(entries: ReturnType<SessionManager['getEntries']>): void {
    let reply: AssistantMessage | null = null;
    let results: ToolResultMessage[] = [];
    const endTurn = (): void => {
      if (reply !== null) this.onTurn(reply, results);
      [reply, results] = [null, []];
    };
    for (const entry of entries) {
      if (entry.type === 'custom_message' && entry.customType === STUCK_TYPE) {
        endTurn();
        this.onNudge();
      }
      if (entry.type !== 'message') continue;
      const { message } = entry;
      if (message.role === 'toolResult') results.push(message);
      if (message.role === 'assistant' || message.role === 'user') endTurn();
      if (message.role === 'assistant') reply = message;
      if (message.role === 'user') this.#onTold();
    }
    endTurn();
  }

  /** A turn is finished. One without calls is none of our business: it ends the run, or is nudged for another reason. */
  onTurn(reply: AssistantMessage, results: readonly ToolResultMessage[]): void {
    const marks = results.map((result) => markOf(reply, result));
    if (marks.length === 0) return;
    const isNew = marks.some((mark) => !this.#seen.has(mark));
    for (const mark of marks) this.#seen.add(mark);
    this.#turns = [...this.#turns, marks.join()].slice(-MAX_PERIOD * Math.max(1, this.#limits.repeats));
    this.#idleTurns = isNew ? 0 : this.#idleTurns + 1;
    if (isNew && this.#newSinceNudge !== null) this.#newSinceNudge += 1;
  }

  /** The agent has been told that it is stuck: it takes as many turns again until that is said again. */
  onNudge(): void {
    this.#turns = [];
    this.#idleTurns = 0;
    this.#newSinceNudge = 0;
  }

  /** Whether the agent is stuck after the last turn. */
  stuck(): Stuck | null {
    const { repeats, idleTurns } = this.#limits;
    const idle = idleTurns > 0 && this.#idleTurns >= idleTurns ? 'no_progress' : null;
    const reason = loopAtEnd(this.#turns, repeats) ?? idle;
    if (reason === null) return null;
    return { reason, inVain: this.#newSinceNudge !== null && this.#newSinceNudge < Math.max(1, repeats) };
  }

  #onTold(): void {
    this.onNudge();
    this.#newSinceNudge = null;
  }
}

/** Stands for a call and what it gave; equal only for equal ones. */
function markOf(reply: AssistantMessage, { toolCallId, toolName, isError, content }: ToolResultMessage): string {
  const call = reply.content.find((part) => part.type === 'toolCall' && part.id === toolCallId);
  const args = call?.type === 'toolCall' ? call.arguments : null;
  return createHash('sha256')
    .update(JSON.stringify([toolName, args, isError, content]))
    .digest('base64');
}
