import { isAlwaysGreen } from './always-green.ts';
import { firstNames } from './first-names.ts';
import type { Check, SyntaxCheck, Verdict } from './verdict.ts';

const MAX_NAMED = 3;

/** Everything the server found out about one tree. */
export interface Verification {
  /** Counts the verifications of a session from 0. */
  readonly round: number;
  /** The tree that was judged, and the commands that were agreed. */
  readonly tree: string;
  readonly strategy: 'full' | 'incremental' | 'skip';
  readonly strict: boolean;
  readonly checks: readonly Check[];
  readonly syntax: readonly SyntaxCheck[];
  /** Files that judge the result and that it altered: existing tests, what configures them, what the commands name. */
  readonly altered?: readonly string[];
}

/** What a verification amounts to. */
export interface Standing {
  /** True only when every agreed command ran and none is red: nothing less is shown green. */
  readonly verified: boolean;
  /** What is open, for people; null when nothing is. */
  readonly note: string | null;
}

/**
 * What forbids the delivery, in words. By default that is a regression: a command that was green before, a file whose syntax was
 * sound, or a command that the task or its skill demands and that is red. `strict` wants every command run and green.
 */
export function blockersOf({ checks, syntax, strict }: Verification): string[] {
  const barred = checks.filter(({ verdict, required }) => bars(verdict, required, strict));
  const broken = syntax.filter(({ verdict }) => verdict === 'regressed' || (strict && verdict === 'still_failing'));
  return [
    ...barred.map(({ command, verdict }) => `${verdict}: ${command}`),
    ...broken.map(({ tool, faults }) => `syntax (${tool}): ${faults.map(({ path }) => path).join(', ')}`),
  ];
}

function bars(verdict: Verdict, required: boolean, strict: boolean): boolean {
  if (strict) return verdict !== 'fixed' && verdict !== 'passing';
  return verdict === 'regressed' || (verdict === 'still_failing' && required);
}

/** True when something is red that does not forbid the delivery; the agent is told of it once. */
export function hasGuardsInRed({ checks }: Verification): boolean {
  return checks.some(({ verdict, required }) => verdict === 'still_failing' && !required);
}

/** How many commands are not green, and files not sound: the fewer, the better a round. */
export function countNotGreen({ checks, syntax }: Verification): number {
  const open = checks.filter(({ verdict }) => verdict !== 'fixed' && verdict !== 'passing').length;
  return open + syntax.filter(({ verdict }) => verdict === 'regressed').length;
}

/** The best of some rounds: the fewest that are not green; of equals the latest, which holds the most work. */
export function bestOf(rounds: readonly Verification[]): Verification | null {
  return rounds.reduce<Verification | null>((best, round) => {
    if (best === null) return round;
    const [fewer, more] = [countNotGreen(round), countNotGreen(best)];
    return fewer < more || (fewer === more && round.round > best.round) ? round : best;
  }, null);
}

type Counted = { readonly tests?: number | undefined };
type CountedRun = (Counted & { readonly again: Counted | null }) | null;

/** What a standing is drawn from. */
type Judged = Pick<Verification, 'strategy' | 'altered'> & {
  readonly checks: readonly (Pick<Check, 'command' | 'verdict' | 'claimed'> & {
    readonly baseline: CountedRun;
    readonly after: CountedRun;
  })[];
};

/** Whether the result may be called verified, and if not, why; or what must be said though it is. */
export function standingOf(judged: Judged): Standing {
  const { checks, strategy } = judged;
  if (strategy === 'skip') return { verified: false, note: 'the task asked to skip all checks' };
  if (checks.length === 0) return { verified: false, note: 'there is no acceptance command' };
  const count = (verdict: Verdict) => checks.filter((check) => check.verdict === verdict).length;
  const open = [
    [count('regressed') + count('still_failing'), 'red'],
    [count('not_run'), 'not run'],
  ] as const;
  const notes = open.filter(([many]) => many > 0).map(([many, what]) => `${many} of ${checks.length} ${what}`);
  if (count('fixed') + count('passing') === 0 && notes.length === 0) notes.push('every acceptance command is flaky');
  if (notes.length > 0) return { verified: false, note: notes.join(', ') };
  return { verified: true, note: reservationsOn(judged).join('; ') || null };
}

function reservationsOn({ checks, altered = [] }: Judged): string[] {
  const flaky = checks.filter(({ verdict }) => verdict === 'flaky').length;
  const proving = checks.filter(({ command, verdict }) => verdict !== 'flaky' && !isAlwaysGreen(command));
  // An agent chose these names, and forges render them: only letters, digits and plain signs are shown.
  const names = altered.map((path) => path.replace(/[^\p{L}\p{N}_+=:,./-]/gu, '?'));
  return [
    ...(flaky > 0 ? [`${flaky} of ${checks.length} flaky`] : []),
    ...(altered.length > 0 ? [`the change alters what judges it: ${firstNames(names, MAX_NAMED)}`] : []),
    ...lessTested(checks),
    ...(proving.length === 0 ? ['every command that is green is so whatever the work is'] : []),
    ...(proving.length > 0 && proving.every(({ claimed }) => claimed === true)
      ? ['nobody but the model proposed the commands']
      : []),
  ];
}

/** Whoever ends a test run early, or takes tests out of it, leaves it green: only their number tells. */
function lessTested(checks: Judged['checks']): string[] {
  return checks.flatMap(({ baseline, after }) => {
    const [before, now] = [testsOf(baseline), testsOf(after)];
    return before !== undefined && (now ?? 0) < before
      ? [`tests run: ${now ?? 'unknown'}, on the base: ${before}`]
      : [];
  });
}

function testsOf(run: CountedRun): number | undefined {
  return run?.again?.tests ?? run?.tests;
}

/** One line for people. */
export function summaryOf(verification: Verification): string {
  const { checks, syntax } = verification;
  const lines = [
    ...checks.map(({ command, verdict }) => `${verdict}: ${command}`),
    ...syntax
      .filter(({ verdict }) => verdict === 'regressed' || verdict === 'still_failing')
      .map(({ tool, faults }) => `syntax (${tool}): ${faults.length} faulty`),
  ];
  return lines.join('; ') || 'nothing was run';
}
