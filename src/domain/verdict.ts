/** What happened to one acceptance command, on the base commit and on the result. */
export type Verdict = 'fixed' | 'passing' | 'regressed' | 'still_failing' | 'flaky' | 'not_run';

/** One end of one acceptance command. */
export interface CheckEnd {
  /** Null when the command did not end by itself. */
  readonly exitCode: number | null;
  readonly reason: string;
  readonly wallMs: number;
  /** Blob id of the full log: its SHA-256. */
  readonly log: string;
  /** The name of the artifact that holds the full log. */
  readonly artifact: string;
  /** The last lines of the log, for people and for the agent. */
  readonly tail: string;
  /** How many tests it ran by its own log, see {@link countTests}; only to be compared. */
  readonly tests?: number | undefined;
  /** By its own log it ran no test, though it is there to run tests. */
  readonly ranNoTest?: true;
}

/** One run of one acceptance command in a clean tree. */
export interface CheckRun extends CheckEnd {
  readonly command: string;
  /** The one repetition of a failure, in a tree restored for it; null when the first run was green. */
  readonly again: CheckEnd | null;
}

/** One acceptance command with both its runs. */
export interface Check {
  readonly command: string;
  /** True when task or skill demand it; the others were found or proposed, and guard what was green. */
  readonly required: boolean;
  /** Nobody but the model proposed it. */
  readonly claimed?: true | undefined;
  readonly verdict: Verdict;
  readonly baseline: CheckRun | null;
  readonly after: CheckRun | null;
  /** Why it was not run, or what its verdict leaves open; null when there is nothing to say. */
  readonly note: string | null;
}

/** The syntax of the changed files that one tool can read. */
export interface SyntaxCheck {
  readonly tool: string;
  /** How many changed files it is about. */
  readonly files: number;
  /** `regressed`: a file that was sound before, or was not there. */
  readonly verdict: 'passing' | 'regressed' | 'still_failing' | 'not_run';
  readonly faults: readonly { readonly path: string; readonly message: string }[];
  /** Why nothing was checked, or null. */
  readonly note: string | null;
}

/** What a verdict looks at. */
type Ended = Pick<CheckEnd, 'reason' | 'exitCode'> & { readonly ranNoTest?: true | undefined };
type Run = Ended & { readonly again: Ended | null };

/** True when the run ended by itself with code 0. */
export function isGreen(run: Ended): boolean {
  return run.reason === 'exit' && run.exitCode === 0;
}

/**
 * The verdict over one command. A run that was red and then green proves nothing, whichever side it is on; nor does one that was green
 * without running a test.
 */
export function judge(baseline: Run | null, after: Run | null): Verdict {
  if (after === null) return 'not_run';
  const before = baseline === null ? null : colorOf(baseline);
  switch (colorOf(after)) {
    case 'flaky':
      return 'flaky';
    case 'green':
      if (after.ranNoTest === true) return 'not_run';
      return before === 'red' ? 'fixed' : before === 'flaky' ? 'flaky' : 'passing';
    case 'red':
      return before === 'green' || before === 'flaky' ? 'regressed' : 'still_failing';
  }
}

function colorOf(run: Run): 'green' | 'red' | 'flaky' {
  if (isGreen(run)) return 'green';
  return run.again !== null && isGreen(run.again) ? 'flaky' : 'red';
}
