/** What happened to one acceptance command, on the base commit and on the result. */
export type Verdict = 'fixed' | 'passing' | 'regressed' | 'still_failing' | 'flaky' | 'not_run';

/** One run of one acceptance command in a clean tree. */
export interface CheckRun {
  readonly command: string;
  /** Null when the command did not end by itself. */
  readonly exitCode: number | null;
  readonly reason: string;
  readonly wallMs: number;
  /** Blob id of the full log. */
  readonly log: string;
  /** The last lines of the log, for people and for the agent. */
  readonly tail: string;
}

/** One acceptance command with both its runs. */
export interface Check {
  readonly command: string;
  readonly verdict: Verdict;
  readonly baseline: CheckRun | null;
  readonly after: CheckRun | null;
}

/** True when the run ended by itself with code 0. */
export function isGreen(run: CheckRun): boolean {
  return run.reason === 'exit' && run.exitCode === 0;
}

/** The verdict over one command; `confirmation` is the second run of a command that failed on the result. */
export function judge(baseline: CheckRun | null, after: CheckRun | null, confirmation: CheckRun | null): Verdict {
  if (after === null) return 'not_run';
  if (!isGreen(after) && confirmation !== null && isGreen(confirmation)) return 'flaky';
  if (isGreen(after)) return baseline === null || isGreen(baseline) ? 'passing' : 'fixed';
  return baseline !== null && isGreen(baseline) ? 'regressed' : 'still_failing';
}

/** True when nothing forbids the delivery: no command is red on the result. */
export function isAccepted(checks: readonly Check[]): boolean {
  return checks.every(({ verdict }) => verdict !== 'regressed' && verdict !== 'still_failing');
}
