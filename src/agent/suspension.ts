/**
 * Ends a run in the middle of a turn, because what one of its tools does cannot be finished in this chunk. Nothing of that turn is
 * recorded any more: the next chunk replays its reply, and the tool goes on where it stood.
 */
export class Suspension {
  readonly #controller = new AbortController();
  #failure: unknown = null;

  /** Aborted once the run is suspended. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** @param failure what the chunk is to fail with; null when it has merely come to its border. */
  suspend(failure: unknown = null): void {
    this.#failure ??= failure;
    this.#controller.abort();
  }

  /** Throws what the chunk is to fail with, if anything. */
  throwIfFailed(): void {
    if (this.#failure !== null) throw this.#failure;
  }
}
