import { isAccepted, isGreen, judge, type Check, type CheckRun } from '../domain/verdict.ts';
import type { GitManager } from '../git/git-manager.ts';
import { runInSandbox } from '../sandbox/run-in-sandbox.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { Store } from '../store/store.ts';

const TAIL_LINES = 60;
const MAX_LOG_BYTES = 4 * 2 ** 20;

/** What the server found out about a result. */
export interface Verification {
  readonly accepted: boolean;
  /** False when nothing was run: said loudly, never shown green. */
  readonly verified: boolean;
  readonly checks: readonly Check[];
}

/** What a verification needs to be told by whoever runs it. */
export interface VerifierContext {
  readonly signal: AbortSignal;
}

/** Runs the acceptance commands of the snapshot itself: on the base commit and on the result, each in a clean tree in the sandbox. */
export class Verifier {
  readonly #store: Store;
  readonly #git: GitManager;
  readonly #sandbox: Sandbox;
  readonly #timeoutMs: number;

  constructor(deps: {
    readonly store: Store;
    readonly git: GitManager;
    readonly sandbox: Sandbox;
    readonly timeoutMs: number;
  }) {
    this.#store = deps.store;
    this.#git = deps.git;
    this.#sandbox = deps.sandbox;
    this.#timeoutMs = deps.timeoutMs;
  }

  /** Judges a tree. Logs become artifacts; a command that fails on the result is run once more, to tell red from flaky. */
  async verify(snapshot: Snapshot, tree: string, round: number, context: VerifierContext): Promise<Verification> {
    const { sessionId, acceptance, testStrategy } = snapshot;
    if (testStrategy === 'skip' || acceptance.length === 0) return { accepted: true, verified: false, checks: [] };
    const baselines = await this.#baseline(snapshot, context);
    const afters = await this.#runAll(sessionId, 'check-result', tree, acceptance, `checks/round-${round}`, context);
    const checks: Check[] = [];
    for (const [index, command] of acceptance.entries()) {
      const baseline = baselines[index] ?? null;
      const after = afters[index] ?? null;
      const red = after !== null && !isGreen(after);
      const again = red
        ? await this.#runAll(
            sessionId,
            'check-result',
            tree,
            [command],
            `checks/round-${round}-again-${index + 1}`,
            context,
          )
        : [];
      checks.push({ command, baseline, after, verdict: judge(baseline, after, again[0] ?? null) });
    }
    await this.#store.artifacts.put(
      sessionId,
      'checks.json',
      'application/json',
      JSON.stringify(checks, null, 2),
      Date.now(),
    );
    return { accepted: isAccepted(checks), verified: true, checks };
  }

  /** The runs on the base commit; made once and kept, for the base does not change. */
  async #baseline({ sessionId, base, acceptance }: Snapshot, context: VerifierContext): Promise<CheckRun[]> {
    const name = 'checks/baseline.json';
    const known = await this.#store.artifacts.list(sessionId);
    if (known.some((artifact) => artifact.name === name)) {
      const { bytes } = await this.#store.artifacts.read(sessionId, name);
      return JSON.parse(bytes.toString('utf8')) as CheckRun[];
    }
    const runs = await this.#runAll(sessionId, 'check-base', base.tree, acceptance, 'checks/baseline', context);
    await this.#store.artifacts.put(sessionId, name, 'application/json', JSON.stringify(runs, null, 2), Date.now());
    return runs;
  }

  async #runAll(
    sessionId: string,
    place: string,
    tree: string,
    commands: readonly string[],
    logs: string,
    { signal }: VerifierContext,
  ): Promise<CheckRun[]> {
    const workTree = this.#git.open(sessionId).workspace(place);
    await workTree.remove();
    await workTree.restore(tree);
    const runs: CheckRun[] = [];
    for (const [index, command] of commands.entries()) {
      signal.throwIfAborted();
      const options = { signal, limits: { wallMs: this.#timeoutMs, outputBytes: MAX_LOG_BYTES }, env: { CI: 'true' } };
      const run = await runInSandbox(
        this.#sandbox,
        ['/bin/bash', '-c', `exec 2>&1; ${command}`],
        workTree.spec,
        options,
      );
      signal.throwIfAborted();
      const log = await this.#store.artifacts.put(
        sessionId,
        `${logs}-${index + 1}.log`,
        'text/plain',
        run.stdout,
        Date.now(),
      );
      const { exitCode, reason, wallMs } = run;
      runs.push({ command, exitCode, reason, wallMs: Math.round(wallMs), log: log.blob, tail: tailOf(run.stdout) });
    }
    await workTree.remove();
    return runs;
  }
}

/** The evidence that goes back to the agent: what is red, with the end of its log. Stable text for the same runs. */
export function evidenceOf(checks: readonly Check[], round: number): string {
  const red = checks.filter(({ verdict }) => verdict === 'regressed' || verdict === 'still_failing');
  const parts = red.map(({ command, verdict, after }) => {
    const end = after?.reason === 'exit' ? `exit code ${after.exitCode}` : `ended by ${after?.reason}`;
    return `$ ${command}\n${verdict}, ${end}\n${after?.tail ?? ''}`;
  });
  const head = `Verification round ${round}: the server ran the acceptance commands on your result and they are not green.`;
  return [head, ...parts, 'Correct the work, then call submit_result again.'].join('\n\n');
}

function tailOf(output: Buffer): string {
  return output.toString('utf8').trimEnd().split('\n').slice(-TAIL_LINES).join('\n').slice(-8000);
}
