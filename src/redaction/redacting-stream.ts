import { redacted } from './finding.ts';
import type { Redactor } from './redactor.ts';

/** Patterns look at most so far back. */
const LOOK_BACK = 8;

/**
 * Redacts text that comes in pieces, to the same result as in one piece: the end is held back until it cannot be the beginning of anything.
 * What it holds is bounded.
 */
export class RedactingStream {
  readonly #redactor: Redactor;
  /** What has not been given yet, behind a few characters that have been. */
  #held = '';
  /** How many of them. */
  #given = 0;

  constructor(redactor: Redactor) {
    this.#redactor = redactor;
  }

  /** Takes a piece and gives what can be given by now, which may be nothing. */
  push(piece: string): string {
    this.#held += piece;
    const { reach } = this.#redactor;
    // In large steps: each looks at what is held back once more.
    if (this.#held.length - this.#given < 4 * reach) return '';
    return this.#give(this.#held.length - reach);
  }

  /** The rest. */
  end(): string {
    return this.#give(this.#held.length);
  }

  #give(upTo: number): string {
    const findings = this.#redactor.find(this.#held, this.#given, upTo);
    const to = Math.max(upTo, findings.at(-1)?.to ?? 0);
    const text = redacted(this.#held, findings, this.#given, to);
    const kept = Math.max(0, to - LOOK_BACK);
    this.#held = this.#held.slice(kept);
    this.#given = to - kept;
    return text;
  }
}
