import { expect, test } from 'vitest';
import { isAccepted, judge, type CheckRun } from '../../src/domain/verdict.ts';

const run = (exitCode: number | null, reason = 'exit'): CheckRun => ({
  command: 'c',
  exitCode,
  reason,
  wallMs: 1,
  log: 'l',
  tail: '',
});
const green = run(0);
const red = run(1);

test.each([
  [red, green, null, 'fixed'],
  [green, green, null, 'passing'],
  [null, green, null, 'passing'],
  [green, red, red, 'regressed'],
  [red, red, red, 'still_failing'],
  [null, red, red, 'still_failing'],
  [green, red, green, 'flaky'],
  [red, run(null, 'timeout'), run(null, 'timeout'), 'still_failing'],
  [green, null, null, 'not_run'],
] as const)('baseline %o, result %o, again %o is %s', (baseline, after, again, verdict) => {
  expect(judge(baseline, after, again)).toBe(verdict);
});

test('what is red on the result forbids the delivery; what is flaky or was not run does not', () => {
  const check = (verdict: ReturnType<typeof judge>) => ({ command: 'c', verdict, baseline: null, after: null });
  expect(isAccepted([check('fixed'), check('flaky'), check('not_run'), check('passing')])).toBe(true);
  expect(isAccepted([check('fixed'), check('regressed')])).toBe(false);
  expect(isAccepted([check('still_failing')])).toBe(false);
});
