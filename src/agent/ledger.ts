import { addUsage, noUsage, type Usage } from '../domain/usage.ts';
import type { Files } from '../store/effects.ts';
import type { FileState } from '../store/journal.ts';

/**
 * Where a session stands within an attempt: one for the agent and all its sub-agents, for what one leaves the next builds upon, and they
 * spend from one budget. Only one of them is at work at any moment. Each model call is counted once, where it can be found again: with
 * its turn's checkpoint, with its entry, or as the attempt's loss.
 */
export class Ledger {
  /** What ended attempts had spent without a checkpoint to show for it. */
  readonly #lost: Usage;
  #finished: Usage;
  #open: Usage = noUsage;
  /** Of `finished`: what no record holds yet, and what the checkpoint that is being made will hold. */
  #unsaved: Usage = noUsage;
  #saving: Usage = noUsage;
  #turns = 0;
  #countedUpTo = performance.now();
  /** The files of the last checkpoint. */
  files: FileState;
  /** True when a tool may have changed files since these were taken. */
  touched = false;
  /** The files after a call with effects outside, while nothing has changed them since; they build on those of the last checkpoint. */
  settled: Files | null = null;

  /** @param recorded usage as of the last checkpoint. */
  constructor(recorded: Usage, lost: Usage, files: FileState) {
    this.#finished = recorded;
    this.#lost = lost;
    this.files = files;
  }

  /** What the next checkpoint is to hold: finished turns, and calls that belong to no turn. */
  get usage(): Usage {
    return this.#finished;
  }

  /** All that counts against the limits: turns that are not finished, lost attempts and the time until now as well. */
  get total(): Usage {
    return addUsage(addUsage(this.#finished, this.#lost), { ...this.#open, wallMs: this.#sinceCounted() });
  }

  /** What this attempt has spent and no record holds; its unfinished turns are not in it, for their replies are recorded. */
  get loss(): Usage {
    return addUsage(addUsage(this.#unsaved, this.#saving), { wallMs: this.#sinceCounted() });
  }

  /** Turns finished in this attempt. */
  get turns(): number {
    return this.#turns;
  }

  /** A reply has arrived: its turn counts from now on, and goes into a checkpoint when it is finished. */
  openTurn(cost: Partial<Usage>): void {
    this.#open = addUsage(this.#open, cost);
  }

  /** A turn that was opened with this cost is finished; the wall time since the one before it is its own, whoever took that. */
  finishTurn(cost: Partial<Usage>): void {
    this.#open = addUsage(this.#open, negative(cost));
    this.#finished = addUsage(this.#finished, { ...cost, wallMs: this.#sinceCounted() });
    this.#countedUpTo = performance.now();
    this.#turns += 1;
    this.#saving = addUsage(this.#saving, this.#unsaved);
    this.#unsaved = noUsage;
  }

  /** The checkpoint of the last finished turn is committed. */
  committed(): void {
    this.#saving = noUsage;
  }

  /** Counts a call that belongs to no turn: one that failed, or a summary. */
  countCall(cost: Partial<Usage>): void {
    this.#finished = addUsage(this.#finished, cost);
    this.#unsaved = addUsage(this.#unsaved, cost);
  }

  /** A call that was counted is recorded with an entry by now: the next attempt counts it from there. */
  recordedCall(cost: Partial<Usage>): void {
    this.#unsaved = addUsage(this.#unsaved, negative(cost));
  }

  /** Counts a call that an earlier attempt has recorded with an entry, for which there is no checkpoint yet. */
  adoptCall(cost: Partial<Usage>): void {
    this.#finished = addUsage(this.#finished, cost);
  }

  #sinceCounted(): number {
    return Math.round(performance.now() - this.#countedUpTo);
  }
}

function negative(cost: Partial<Usage>): Partial<Usage> {
  return Object.fromEntries(Object.entries(cost).map(([key, value]) => [key, -value]));
}
