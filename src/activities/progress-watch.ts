import { HoldfastError } from '../domain/failure.ts';

/** Work that is told to end gets so long to do it; an await that nothing will ever settle does not hear of it. */
const SETTLE_MS = 5000;
const CHECKS = 10;
const PULSE_MS = 1000;

/** Work that says that it moves. */
type MovingWork<T> = (signal: AbortSignal, moved: () => void) => Promise<T>;

/**
 * Runs work that calls `moved` at each sign of progress. When none has come for `limitMs`, or when `signal` is aborted, the work is
 * told to end; work that does not hear is left behind, so that another attempt can be made. What it still writes is refused by
 * the fence of that attempt.
 * @throws HoldfastError ATTEMPT_STALLED, what `signal` was aborted with, and what the work throws
 */
export async function whileItMoves<T>(limitMs: number, signal: AbortSignal, work: MovingWork<T>): Promise<T> {
  const stalled = new AbortController();
  const ending = AbortSignal.any([signal, stalled.signal]);
  let last = performance.now();
  const check = (): void => {
    if (performance.now() - last < limitMs) return;
    stalled.abort(new HoldfastError('ATTEMPT_STALLED', `The attempt made no progress for ${limitMs} ms.`));
  };
  const timer = setInterval(check, limitMs / CHECKS);
  let leave: NodeJS.Timeout | undefined;
  const left = new Promise<never>((_, reject) => {
    const start = (): void => void (leave = setTimeout(() => reject(ending.reason as Error), SETTLE_MS));
    if (ending.aborted) start();
    else ending.addEventListener('abort', start, { once: true });
  });
  try {
    return await Promise.race([work(ending, () => void (last = performance.now())), left]);
  } catch (error) {
    throw stalled.signal.aborted && !signal.aborted ? stalled.signal.reason : error;
  } finally {
    clearInterval(timer);
    clearTimeout(leave);
  }
}

/** Says that work moves for as long as it lasts: for work that has a limit of its own and cannot say so itself. */
export async function moving<T>(moved: (() => void) | undefined, work: Promise<T>): Promise<T> {
  const pulse = setInterval(() => moved?.(), PULSE_MS);
  try {
    return await work;
  } finally {
    clearInterval(pulse);
  }
}
