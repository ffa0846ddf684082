import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { moving, whileItMoves } from '../../src/activities/progress-watch.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const LIMIT_MS = 1000;
const never = new AbortController().signal;

/** Rejects with what a signal is aborted with, as work does that hears of it. */
const aborted = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));

test('work that moves may take as long as it likes', async () => {
  const running = whileItMoves(LIMIT_MS, never, async (signal, moved) => {
    for (let step = 0; step < 10; step += 1) {
      await new Promise((resolve) => setTimeout(resolve, LIMIT_MS * 0.8));
      signal.throwIfAborted();
      moved();
    }
    return 'done';
  });
  await vi.advanceTimersByTimeAsync(10 * LIMIT_MS);
  expect(await running).toBe('done');
  expect(vi.getTimerCount()).toBe(0);
});

test('work that has a limit of its own counts as moving for as long as it lasts, and no longer', async () => {
  const limitMs = 3 * LIMIT_MS;
  const running = whileItMoves(limitMs, never, async (signal, moved) => {
    await moving(moved, new Promise((resolve) => setTimeout(resolve, 5 * limitMs)));
    signal.throwIfAborted();
    return aborted(signal);
  });
  const failure = running.catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(7 * limitMs);
  expect(await failure).toMatchObject({ code: 'ATTEMPT_STALLED' });
  expect(vi.getTimerCount()).toBe(0);
});

test('work that stands still is told to end and fails as stalled, whatever it says about that', async () => {
  const running = whileItMoves(LIMIT_MS, never, async (signal) => {
    await aborted(signal).catch(() => undefined);
    throw new Error('the stream was cut');
  });
  const failure = running.catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(1.2 * LIMIT_MS);
  expect(await failure).toMatchObject({ code: 'ATTEMPT_STALLED', retryable: true });
  expect(vi.getTimerCount()).toBe(0);
});

test('an await that nothing settles is left behind', async () => {
  const running = whileItMoves(LIMIT_MS, never, () => new Promise<never>(() => undefined));
  const failure = running.catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(LIMIT_MS + 6000);
  expect(await failure).toMatchObject({ code: 'ATTEMPT_STALLED', retryable: true });
});

test('a cancellation ends it with its own reason, also where the work does not hear it', async () => {
  const controller = new AbortController();
  const hears = whileItMoves(LIMIT_MS, controller.signal, aborted);
  const deaf = whileItMoves(LIMIT_MS * 100, controller.signal, () => new Promise<never>(() => undefined));
  const reason = new Error('enough');
  const failures = [hears, deaf].map((running) => running.catch((error: unknown) => error));
  controller.abort(reason);
  await vi.advanceTimersByTimeAsync(6000);
  expect(await Promise.all(failures)).toEqual([reason, reason]);
});
