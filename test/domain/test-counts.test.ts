import { expect, test } from 'vitest';
import { countTests, ranNoTest } from '../../src/domain/test-counts.ts';

/** As the runners print it. */
test.each([
  ['go', '?   \texample.test/a\t[no test files]\n?   \texample.test/b\t[no test files]\n'],
  ['go, with a filter', 'ok  \texample.test/a\t0.002s [no tests to run]\n'],
  ['node', 'ℹ tests 0\nℹ suites 0\nℹ pass 0\nℹ fail 0\n'],
  ['node as TAP', 'TAP version 13\n1..0\n# tests 0\n# pass 0\n'],
  [
    'unittest',
    '\n----------------------------------------------------------------------\nRan 0 tests in 0.000s\n\nOK\n',
  ],
  ['pytest', '\nno tests ran in 0.01s\n'],
  ['cargo', '\nrunning 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n'],
  ['jest', 'No tests found, exiting with code 0\n'],
  ['vitest', 'No test files found, exiting with code 0\n'],
  ['surefire', '[INFO] No tests to run.\n'],
  ['gradle', '> Task :compileTestJava NO-SOURCE\n> Task :test NO-SOURCE\n'],
  ['rspec', 'No examples found.\n\n0 examples, 0 failures\n'],
  ['mocha', '\n  0 passing (1ms)\n'],
  ['phpunit', 'No tests executed!\n'],
])('%s says that it ran no test', (_, log) => {
  expect(ranNoTest(log)).toBe(true);
});

test.each([
  ['go', 'ok  \texample.test/a\t0.002s\n?   \texample.test/b\t[no test files]\n'],
  ['go, from its cache', 'ok  \texample.test/a\t(cached)\n?   \texample.test/b\t[no test files]\n'],
  ['node', 'ℹ tests 2\nℹ pass 2\n'],
  ['unittest', 'Ran 1 test in 0.000s\n\nOK\n'],
  ['pytest', '3 passed in 0.01s\n'],
  ['cargo', 'running 2 tests\n\ntest result: ok. 2 passed; 0 failed\n\nDoc-tests a\n\nrunning 0 tests\n'],
  ['jest', 'Tests:       4 passed, 4 total\n'],
  ['surefire', '[INFO] Tests run: 3, Failures: 0\n[INFO] No tests to run.\n'],
  ['several runners', 'ℹ tests 2\n?   \texample.test/b\t[no test files]\n'],
  ['what is no runner at all', 'all files are formatted\n'],
  ['nothing', ''],
])('%s does not say so', (_, log) => {
  expect(ranNoTest(log)).toBe(false);
});

test.each<[string, string, number | null]>([
  ['node', 'ℹ tests 12\nℹ suites 0\nℹ pass 11\nℹ fail 1\n', 12],
  ['unittest', 'Ran 3 tests in 0.001s\n\nFAILED (failures=1)\n', 3],
  ['pytest', '===== 1 failed, 3 passed, 2 skipped in 0.12s =====\n', 4],
  ['pytest, quietly', '3 passed in 0.01s\n', 3],
  ['cargo', 'running 2 tests\n\ntest result: ok. 2 passed; 0 failed\n\nDoc-tests a\n\nrunning 1 test\n', 3],
  ['jest', 'Test Suites: 1 failed, 1 passed, 2 total\nTests:       1 failed, 3 passed, 4 total\n', 4],
  ['vitest', ' Test Files  1 passed (1)\n      Tests  1 failed | 4 passed (5)\n', 5],
  ['mocha', '\n  7 passing (9ms)\n  1 failing\n', 8],
  ['rspec', '5 examples, 1 failure\n', 5],
  ['surefire', '[INFO] Tests run: 3, Failures: 0, Errors: 0, Skipped: 0\n', 3],
  ['phpunit', 'OK (3 tests, 9 assertions)\n', 3],
  ['phpunit in red', 'Tests: 3, Assertions: 9, Failures: 1.\n', 3],
  ['dotnet', 'Passed!  - Failed:     0, Passed:     2, Skipped:     0, Total:     2, Duration: 3 ms\n', 2],
  ['go: its packages', 'ok  \ta.test/a\t0.002s\nok  \ta.test/b\t(cached)\nFAIL\ta.test/c\t0.01s\nFAIL\n', 3],
  ['no runner at all', 'all 12 files are formatted, 3 tests passed\n', null],
])('the number of tests that were run is read as %s says it', (_, log, number) => {
  expect(countTests(log)).toBe(number);
});

test.each<[string, string]>([
  ['blank lines', '\n'.repeat(1_000_000)],
  ['carriage returns', '\r'.repeat(1_000_000)],
  ['spaces', ' '.repeat(1_000_000)],
  ['summaries without an end', '1 passed '.repeat(120_000)],
  ['times', 'in 1'.repeat(250_000)],
  ['totals', `Tests: ${'1 '.repeat(500_000)}`],
  ['parentheses', `Tests ${'(1'.repeat(500_000)}`],
  ['digits', '1'.repeat(1_000_000)],
  ['packages', 'ok '.repeat(300_000)],
])('a megabyte of %s is read through at once, for the worker does nothing else meanwhile', (_, log) => {
  const started = performance.now();
  expect([countTests(log), ranNoTest(log)]).toEqual([null, false]);
  expect(performance.now() - started).toBeLessThan(5_000); // Square time would be an hour.
});
