import { expect, test } from 'vitest';
import { judge, type CheckEnd, type CheckRun } from '../../src/domain/verdict.ts';

const end = (exitCode: number | null, reason = 'exit'): CheckEnd => ({
  exitCode,
  reason,
  wallMs: 1,
  log: 'l',
  artifact: 'a',
  tail: '',
});
const run = (first: CheckEnd, again: CheckEnd | null = null): CheckRun => ({ command: 'c', ...first, again });
const green = run(end(0));
const empty = run({ ...end(0), ranNoTest: true });
const red = run(end(1), end(1));
const flaky = run(end(1), end(0));
const hanging = run(end(null, 'timeout'), end(null, 'timeout'));

test.each([
  [red, green, 'fixed'],
  [green, green, 'passing'],
  [null, green, 'passing'],
  [green, red, 'regressed'],
  [flaky, red, 'regressed'],
  [red, red, 'still_failing'],
  [null, red, 'still_failing'],
  [red, hanging, 'still_failing'],
  [green, flaky, 'flaky'],
  [red, flaky, 'flaky'],
  [flaky, green, 'flaky'],
  [green, null, 'not_run'],
  [green, empty, 'not_run'],
  [red, empty, 'not_run'],
  [empty, green, 'passing'],
] as const)('baseline %o, result %o is %s', (baseline, after, verdict) => {
  expect(judge(baseline, after)).toBe(verdict);
});
