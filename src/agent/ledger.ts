import { addUsage, type Usage } from '../domain/usage.ts';
import type { FileState } from '../store/journal.ts';

/**
 * Where a session stands within a chunk: one for the agent and all its sub-agents, for what one leaves the next builds upon. Only one
 * of them is at work at any moment.
 */
export class Ledger {
  #usage: Usage;
  #turns = 0;
  #countedUpTo = performance.now();
  /** The files of the last checkpoint. */
  files: FileState;
  /** True when a tool may have changed files since these were taken. */
  touched = false;

  constructor(usage: Usage, files: FileState) {
    this.#usage = usage;
    this.files = files;
  }

  /** Usage up to the last finished turn. */
  get usage(): Usage {
    return this.#usage;
  }

  /** Turns finished in this chunk. */
  get turns(): number {
    return this.#turns;
  }

  /** Counts a finished turn; the wall time since the one before it is its own, whoever took that. */
  countTurn(cost: Partial<Usage>): void {
    const now = performance.now();
    this.#usage = addUsage(this.#usage, { ...cost, turns: 1, wallMs: Math.round(now - this.#countedUpTo) });
    this.#countedUpTo = now;
    this.#turns += 1;
  }
}
