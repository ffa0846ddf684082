import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bestOf, blockersOf, countNotGreen, standingOf, type Verification } from '../../src/domain/gate.ts';
import type { Check, SyntaxCheck, Verdict } from '../../src/domain/verdict.ts';

const verdicts = ['fixed', 'passing', 'regressed', 'still_failing', 'flaky', 'not_run'] as const;
const check = (verdict: Verdict, required = true): Check => ({
  command: verdict,
  required,
  verdict,
  baseline: null,
  after: null,
  note: null,
});
const syntax = (verdict: SyntaxCheck['verdict']): SyntaxCheck => ({
  tool: 't',
  files: 1,
  verdict,
  faults: [],
  note: null,
});
const verification = (checks: Check[], changes: Partial<Verification> = {}): Verification => ({
  round: 0,
  tree: 't',
  strategy: 'full',
  strict: false,
  checks,
  syntax: [],
  ...changes,
});

test.each([
  ['fixed', true, false, false],
  ['passing', true, false, false],
  ['regressed', true, true, true],
  ['regressed', false, true, true],
  ['still_failing', true, true, true],
  ['still_failing', false, false, true],
  ['flaky', true, false, true],
  ['not_run', true, false, true],
] as const)(
  '%s (demanded: %s) forbids the delivery: %s, and when strict: %s',
  (verdict, required, normally, strictly) => {
    const checks = [check('passing'), check(verdict, required)];
    expect(blockersOf(verification(checks)).length > 0).toBe(normally);
    expect(blockersOf(verification(checks, { strict: true })).length > 0).toBe(strictly);
  },
);

test('a file whose syntax broke forbids the delivery; one that was broken before only when strict, one that nobody could read never', () => {
  const blocks = (verdict: SyntaxCheck['verdict'], strict: boolean) =>
    blockersOf(verification([check('passing')], { strict, syntax: [syntax(verdict)] })).length > 0;
  expect([blocks('regressed', false), blocks('still_failing', false), blocks('still_failing', true)]).toEqual([
    true,
    false,
    true,
  ]);
  expect([blocks('not_run', true), blocks('passing', true)]).toEqual([false, false]);
});

test('nothing is called verified without a command that ran and is green, and never with one that is red or was left out', () => {
  const several = fc.array(fc.constantFrom(...verdicts), { maxLength: 5 });
  fc.assert(
    fc.property(several, fc.constantFrom('full', 'incremental', 'skip'), (some, strategy) => {
      const { verified, note } = standingOf(
        verification(
          some.map((one) => check(one)),
          { strategy },
        ),
      );
      const green = some.filter((one) => one === 'fixed' || one === 'passing').length;
      const open = some.filter((one) => one === 'regressed' || one === 'still_failing' || one === 'not_run').length;
      expect(verified).toBe(strategy !== 'skip' && green > 0 && open === 0);
      if (!verified) expect(note).toMatch(/\w/);
    }),
  );
});

test('the best round is the one with the fewest commands not green; of equals the latest', () => {
  const round = (number: number, ...some: Verdict[]) =>
    verification(
      some.map((one) => check(one)),
      { round: number, tree: `tree${number}` },
    );
  const rounds = [
    round(0, 'regressed', 'still_failing'),
    round(1, 'fixed', 'still_failing'),
    round(2, 'regressed', 'passing'),
  ];
  expect(bestOf(rounds)?.tree).toBe('tree2');
  expect(bestOf([...rounds, round(3, 'flaky', 'not_run')])?.tree).toBe('tree2');
  expect(bestOf([])).toBeNull();
  expect(countNotGreen(round(0, ...verdicts))).toBe(4);
});

test('a result that is green by what it altered, or by commands of the model alone, is said to be so', () => {
  const green = (claimed?: true): Check => ({ ...check('passing', false), ...(claimed && { claimed }) });
  expect(standingOf(verification([green()]))).toEqual({ verified: true, note: null });
  expect(standingOf(verification([green()], { altered: ['a', 'b', 'c', 'd', 'e'] }))).toEqual({
    verified: true,
    note: 'the change alters what judges it: a, b, c and 2 more',
  });
  const modelAlone = 'nobody but the model proposed the commands';
  expect(standingOf(verification([green(true), check('flaky')])).note).toBe(`1 of 2 flaky; ${modelAlone}`);
  expect(standingOf(verification([green(true), green()])).note).toBeNull();
  expect(standingOf(verification([check('not_run')], { altered: ['a'] }))).toEqual({
    verified: false,
    note: '1 of 1 not run',
  });
  const always = { ...green(), command: 'npm test || true' };
  expect(standingOf(verification([always])).note).toBe('every command that is green is so whatever the work is');
  const hostile = standingOf(verification([green()], { altered: ['a\n# @b [c](d) **ü**.test.js'] })).note;
  expect(hostile).toBe('the change alters what judges it: a????b??c??d????ü??.test.js');
});

test.each<[number | undefined, number | undefined, number | undefined, string | null]>([
  [3, 3, undefined, null],
  [3, 4, undefined, null],
  [undefined, 3, undefined, null],
  [3, 2, undefined, 'tests run: 2, on the base: 3'],
  [3, undefined, undefined, 'tests run: unknown, on the base: 3'],
  [3, 1, 3, null],
])('of %s tests on the base, %s were run on the result (again: %s): %s', (before, after, again, note) => {
  const end = { exitCode: 0, reason: 'exit', wallMs: 1, log: 'l', artifact: 'a', tail: '' };
  const run = (tests: number | undefined) => ({ ...end, tests, command: 'c', again: null });
  const repeated = again === undefined ? null : { ...end, tests: again };
  const checks = [{ ...check('passing'), baseline: run(before), after: { ...run(after), again: repeated } }];
  expect(standingOf(verification(checks))).toEqual({ verified: true, note });
});
