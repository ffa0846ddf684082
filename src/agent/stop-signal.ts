import type { HoldfastError } from '../domain/failure.ts';

/** Why a run must end, told once: the first reason counts. Tools that have not started then do not start any more. */
export class StopSignal {
  #reason: HoldfastError | null = null;

  /** The reason, or null while the run may go on. */
  get reason(): HoldfastError | null {
    return this.#reason;
  }

  stop(reason: HoldfastError): void {
    this.#reason ??= reason;
  }
}
