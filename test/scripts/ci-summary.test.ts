import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** What CI says at its end, with the exit code, for these results of vitest and this many failed steps. */
function summary(
  results: object | string | null,
  failedSteps: number,
  more: string[] = [],
): { line: string; code: number | null } {
  const file = join(temporaryDirectory(), 'tests.json');
  if (results !== null) writeFileSync(file, typeof results === 'string' ? results : JSON.stringify(results));
  const script = join(import.meta.dirname, '..', '..', '.ci', 'summary.mjs');
  const { stdout, status } = spawnSync(process.execPath, [script, String(failedSteps), file, ...more], {
    encoding: 'utf8',
  });
  return { line: stdout.trimEnd(), code: status };
}

const counts = (passed: number, failed: number, skipped: number) => ({
  numPassedTests: passed,
  numFailedTests: failed,
  numPendingTests: skipped,
  numTodoTests: 0,
});

test.each([
  ['all well', counts(7, 0, 2), 0, '7 passed, 0 failed, 2 skipped', 0],
  ['failed tests', counts(7, 3, 0), 1, '7 passed, 3 failed, 0 skipped', 1],
  ['a failed check', counts(7, 0, 0), 1, '7 passed, 1 failed, 0 skipped', 1],
  ['no test at all', counts(0, 0, 0), 0, '0 passed, 1 failed, 0 skipped', 1],
  ['no results', null, 3, '0 passed, 3 failed, 0 skipped', 1],
  ['results that were cut off', '{"numPassedTests": 7', 1, '0 passed, 1 failed, 0 skipped', 1],
])('CI ends with the real numbers: %s', (_case, results, failedSteps, line, code) => {
  expect(summary(results, failedSteps)).toEqual({ line, code });
});

test('CI adds up the results of all its runs, and one that is missing is a failure', () => {
  const matrix = join(temporaryDirectory(), 'matrix.json');
  writeFileSync(matrix, JSON.stringify(counts(100, 2, 0)));
  expect(summary(counts(7, 1, 3), 2, [matrix])).toEqual({ line: '107 passed, 3 failed, 3 skipped', code: 1 });
  expect(summary(counts(7, 0, 0), 0, [`${matrix}.gone`])).toEqual({ line: '7 passed, 1 failed, 0 skipped', code: 1 });
});

test('CI names each failed test before its last line, with the beginning of what it said', () => {
  const failedTest = { status: 'failed', fullName: 'a title', failureMessages: ['Error: first\n\n    at second'] };
  const testResults = [
    {
      name: join(process.cwd(), 'test/a.test.ts'),
      status: 'failed',
      assertionResults: [failedTest, { status: 'passed' }],
    },
    { name: join(process.cwd(), 'test/b.test.ts'), status: 'failed', message: 'does not load', assertionResults: [] },
    { name: join(process.cwd(), 'test/c.test.ts'), status: 'passed', assertionResults: [{ status: 'passed' }] },
  ];
  expect(summary({ ...counts(7, 2, 0), testResults }, 1).line.split('\n')).toEqual([
    'FAILED test/a.test.ts > a title',
    '    Error: first',
    '        at second',
    'FAILED test/b.test.ts',
    '    does not load',
    '7 passed, 2 failed, 0 skipped',
  ]);
});
