import { createHash } from 'node:crypto';
import type { Asked } from './scenario.ts';
import type { WireApi } from './wire-format.ts';

/** How a request ended. */
export type Outcome = 'ok' | 'error' | 'cut' | 'stall' | 'malformed' | 'client_closed';

/** One request, without its content and without its key. */
export interface JournalEntry {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly api: WireApi;
  readonly scenario: string;
  readonly asked: Asked;
  readonly turn: number;
  /** From 1, among the requests of the same key for the same point of the same scenario. */
  readonly attempt: number;
  readonly status: number;
  readonly outcome: Outcome;
  readonly ms: number;
  /** Hex SHA-256 of the request's body as it came. */
  readonly bodySha256: string;
  readonly bodyBytes: number;
  /** Hex SHA-256 of the API key. */
  readonly keySha256: string;
}

/** The newest requests; older ones are dropped, and so is their count of attempts, lest a long run fills the memory. */
export class RequestJournal {
  readonly #max: number;
  readonly #attempts = new Map<string, number>();
  #entries: JournalEntry[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  /** Counts this request among its like; 1 for the first. */
  attempt(keySha256: string, scenario: string, asked: Asked, turn: number): number {
    const point = `${keySha256} ${scenario} ${asked} ${turn}`;
    const count = (this.#attempts.get(point) ?? 0) + 1;
    if (this.#attempts.size >= this.#max) this.#attempts.clear();
    this.#attempts.set(point, count);
    return count;
  }

  add(entry: JournalEntry): void {
    this.#entries.push(entry);
    // In halves, so that dropping costs nothing on average.
    if (this.#entries.length >= this.#max * 2) this.#entries = this.#entries.slice(-this.#max);
  }

  /** Oldest first. */
  entries(): readonly JournalEntry[] {
    return this.#entries.slice(-this.#max);
  }

  clear(): void {
    this.#entries = [];
    this.#attempts.clear();
  }
}

/** Hex SHA-256. */
export function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
