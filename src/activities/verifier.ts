import { standingOf, summaryOf, type Standing, type Verification } from '../domain/gate.ts';
import { reasonToLeaveOut } from '../domain/incremental.ts';
import { verificationOf, type Snapshot } from '../domain/snapshot.ts';
import { isGreen, judge, type Check, type CheckRun } from '../domain/verdict.ts';
import type { GitManager } from '../git/git-manager.ts';
import type { Store } from '../store/store.ts';
import { alteredJudges } from './altered-judges.ts';
import type { CheckJob, CheckRunner } from './check-runner.ts';
import { goesBack } from './evidence.ts';
import type { SyntaxChecker } from './syntax-checker.ts';
import { keepVerification } from './verification-records.ts';

const BASELINE = 'checks/baseline.json';

/** What a verification said. */
export interface Verdicts {
  readonly verification: Verification;
  /** True when the result may be delivered. */
  readonly accepted: boolean;
  readonly standing: Standing;
  /** One line for people. */
  readonly summary: string;
}

/** Runs the acceptance commands of the snapshot itself: on the base commit and on the result, each in a clean tree in the sandbox. */
export class Verifier {
  readonly #store: Store;
  readonly #git: GitManager;
  readonly #checks: CheckRunner;
  readonly #syntax: SyntaxChecker;
  readonly #timeoutMs: number;

  constructor(deps: {
    readonly store: Store;
    readonly git: GitManager;
    readonly checks: CheckRunner;
    readonly syntax: SyntaxChecker;
    /** Longest time of one command, in milliseconds, for snapshots that do not say it. */
    readonly timeoutMs: number;
  }) {
    this.#store = deps.store;
    this.#git = deps.git;
    this.#checks = deps.checks;
    this.#syntax = deps.syntax;
    this.#timeoutMs = deps.timeoutMs;
  }

  /** Judges a tree. What was found is kept as `checks/round-<n>.json`, the logs beside it. */
  async verify(snapshot: Snapshot, tree: string, round: number, signal: AbortSignal): Promise<Verdicts> {
    const { sessionId, base, limits, testStrategy: strategy } = snapshot;
    const { strict } = verificationOf(snapshot);
    const skipped = strategy === 'skip';
    const change = { sessionId, base: base.tree, tree, limits: snapshot.sandbox.limits ?? {} };
    const syntax = skipped ? [] : await this.#syntax.check(change, signal);
    const checks = skipped ? [] : await this.#judgeAll(snapshot, tree, round, signal);
    const altered = checks.length === 0 ? [] : await alteredJudges(this.#git.open(sessionId), snapshot, tree);
    const verification: Verification = { round, tree, strategy, strict, checks, syntax, altered };
    await keepVerification(this.#store, sessionId, verification);
    return {
      verification,
      accepted: !goesBack(verification, limits.maxIterations > 0),
      standing: standingOf(verification),
      summary: summaryOf(verification),
    };
  }

  async #judgeAll(snapshot: Snapshot, tree: string, round: number, signal: AbortSignal): Promise<Check[]> {
    const { acceptance, testStrategy } = snapshot;
    if (acceptance.length === 0) return [];
    const leftOut = await this.#leftOut(snapshot, tree);
    const commands = acceptance.filter((command) => !leftOut.has(command));
    const full = testStrategy === 'full' ? await this.#baseline(snapshot, signal) : null;
    const job = this.#job(snapshot, { tree, commands, logs: `checks/round-${round}` });
    const afters = await this.#checks.run(job, signal);
    const baseline = full ?? (afters.every(isGreen) ? [] : await this.#baseline(snapshot, signal));
    const { guards, claims = [] } = verificationOf(snapshot);
    return acceptance.map((command) => {
      const before = baseline.find((run) => run.command === command) ?? null;
      const after = afters.find((run) => run.command === command) ?? null;
      const verdict = judge(before, after);
      const empty = verdict === 'not_run' && after !== null ? 'it ended green and ran no test' : null;
      const note = leftOut.get(command) ?? empty ?? (before === null ? 'not run on the base commit' : null);
      const claimed = claims.includes(command) ? { claimed: true as const } : {};
      return { command, required: !guards.includes(command), ...claimed, verdict, baseline: before, after, note };
    });
  }

  /** Commands on a tree, within what was frozen. */
  #job(snapshot: Snapshot, work: Pick<CheckJob, 'tree' | 'commands' | 'logs'>): CheckJob {
    const wallMs = verificationOf(snapshot).timeoutMs ?? this.#timeoutMs;
    const limits = { ...snapshot.sandbox.limits, wallMs };
    return { ...work, sessionId: snapshot.sessionId, setup: setUpOf(snapshot), limits };
  }

  /** The commands that this change need not run, with the reason. */
  async #leftOut({ sessionId, acceptance, base, testStrategy }: Snapshot, tree: string): Promise<Map<string, string>> {
    if (testStrategy !== 'incremental') return new Map();
    const changed = (await this.#git.open(sessionId).changes(base.tree, tree)).map(({ path }) => path);
    const reasons = acceptance.map((command) => [command, reasonToLeaveOut(command, changed)] as const);
    return new Map(reasons.filter((pair): pair is [string, string] => pair[1] !== null));
  }

  /** The runs on the base commit; made once and kept, for the base does not change. */
  async #baseline(snapshot: Snapshot, signal: AbortSignal): Promise<CheckRun[]> {
    const { sessionId, base, acceptance } = snapshot;
    const { artifacts } = this.#store;
    if ((await artifacts.list(sessionId)).some(({ name }) => name === BASELINE)) {
      return JSON.parse((await artifacts.read(sessionId, BASELINE)).bytes.toString('utf8')) as CheckRun[];
    }
    const job = this.#job(snapshot, { tree: base.tree, commands: acceptance, logs: 'checks/baseline' });
    const runs = await this.#checks.run(job, signal);
    await artifacts.put(sessionId, BASELINE, 'application/json', JSON.stringify(runs, null, 2), Date.now());
    return runs;
  }
}

function setUpOf({ sandbox, setup }: Snapshot): CheckJob['setup'] {
  return setup === undefined ? undefined : { commands: setup, network: sandbox.network };
}
