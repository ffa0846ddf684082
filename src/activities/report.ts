import type { ContractItem } from '../domain/contract.ts';
import type { Drift } from '../domain/drift.ts';
import { firstNames } from '../domain/first-names.ts';
import { incrementalRule } from '../domain/incremental.ts';
import type { State } from '../domain/session.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { Check, SyntaxCheck } from '../domain/verdict.ts';
import type { Change } from '../git/git-manager.ts';
import type { SessionRecord } from '../store/sessions.ts';
import type { Kept } from './work-keeper.ts';

const MAX_NAMED = 20;

/** The report of a session as data; `report.json` is this, `report.md` is made of it. */
export interface Report {
  readonly sessionId: string;
  readonly taskId: string;
  readonly outcome: 'COMPLETE' | 'FAILED';
  readonly goal: string;
  readonly snapshot: string | null;
  readonly base: string | null;
  readonly branch: string | null;
  readonly commit: string | null;
  /** The URL of the pull request, where there is one. */
  readonly pullRequest?: string;
  readonly tree: string | null;
  /** True only when every agreed command ran on the result and none is red. */
  readonly verified: boolean;
  /** What the checks leave open, or null. */
  readonly note: string | null;
  readonly failure: State<'FAILED'>['failure'] | null;
  readonly plan: SessionRecord['plan'];
  readonly summary: string | null;
  readonly answers: Snapshot['answers'];
  readonly assumptions: readonly string[];
  readonly waived: readonly Pick<ContractItem, 'kind' | 'name' | 'evidence'>[];
  /** What has moved away from what was frozen, and what was done about it. */
  readonly drift: readonly Drift[];
  /** What was not done or not proven, in words. */
  readonly skipped: readonly string[];
  readonly changes: readonly Change[];
  readonly diffstat: { readonly files: number; readonly additions: number; readonly deletions: number };
  readonly checks: readonly Check[];
  readonly syntax: readonly SyntaxCheck[];
  readonly rounds: readonly ReportedRound[];
  readonly usage: {
    readonly turns: number;
    readonly tokens: number;
    readonly costUsd: number;
    /** Of the agent's turns. */
    readonly wallMs: number;
    /** Of the last round's commands, on base and result. */
    readonly checksMs: number;
    /** From the request to the end: waits for answers, pauses and outages included. */
    readonly elapsedMs: number;
    /** Of the calls that wrote the contract: on top of the rest. Null where nobody counted it. */
    readonly contract: { readonly tokens: number; readonly costUsd: number; readonly wallMs: number } | null;
  };
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** When the report was first written, just before the end was told; epoch milliseconds. */
  readonly endedAt: number;
  readonly model: string;
  /** SHA-256 of what the result rests on and consists of, by name. */
  readonly digests: Readonly<Record<string, string>>;
  /** Lines for bash that check the result elsewhere, see {@link reproductionOf}. */
  readonly reproduce: readonly string[];
}

/** One verification of a session. */
export interface ReportedRound {
  readonly round: number;
  readonly tree: string;
  /** Commands that were not green, and files whose syntax was not sound. */
  readonly notGreen: number;
  /** True for the round whose files the report is about. */
  readonly kept: boolean;
}

/** What was not done or not proven: said in one place, whatever else is green. */
export function skippedOf(facts: {
  readonly strategy: Snapshot['testStrategy'] | null;
  readonly checks: readonly Check[];
  readonly syntax: readonly SyntaxCheck[];
  readonly items: readonly ContractItem[];
  readonly altered: readonly string[];
  readonly kept: Pick<Kept, 'putBack' | 'problem'>;
}): string[] {
  const { strategy, checks, syntax, items, altered, kept } = facts;
  const { problem, putBack } = kept;
  return [
    ...(strategy === 'skip' ? ['All checks: the task asked to skip them.'] : []),
    ...(strategy === 'incremental' ? [incrementalRule] : []),
    ...checks
      .filter(({ verdict }) => verdict === 'not_run')
      .map(({ command, note }) => `Not run: ${command} (${note})`),
    ...syntax
      .filter(({ verdict, note }) => verdict === 'not_run' || note !== null)
      .map(({ tool, files, note }) => `Syntax not checked (${tool}, ${files} changed files): ${note}`),
    ...(altered.length > 0 ? [`The change alters what judges it, look at it yourself: ${altered.join(', ')}`] : []),
    ...(putBack.length > 0
      ? [`Put back, and not delivered, for it lies in submodules: ${firstNames(putBack, MAX_NAMED)}`]
      : []),
    ...items
      .filter(({ state }) => state === 'unverified')
      .map(({ kind, name, evidence }) => `Not proven before the start: ${kind} ${name} (${evidence})`),
    ...(problem === null ? [] : [`The work is not on its branch: ${problem}`]),
  ];
}
