import { createHash, randomUUID } from 'node:crypto';
import { isGreen, type CheckEnd, type CheckRun } from '../domain/verdict.ts';
import type { GitManager } from '../git/git-manager.ts';
import type { WorkTree } from '../git/work-tree.ts';
import { runInSandbox } from '../sandbox/run-in-sandbox.ts';
import type { Sandbox, SandboxLimits } from '../sandbox/sandbox.ts';
import type { Store } from '../store/store.ts';

const TAIL_LINES = 60;
const MAX_TAIL_CHARS = 8000;

/** What the runner works with. */
export interface CheckRunnerParts {
  readonly store: Store;
  readonly git: GitManager;
  readonly sandbox: Sandbox;
}

/** Commands to be run on a tree. */
export interface CheckJob {
  readonly sessionId: string;
  readonly tree: string;
  readonly commands: readonly string[];
  /** The logs become artifacts `<logs>-<n>.log`, and `<logs>-<n>-again.log` for a repetition. */
  readonly logs: string;
  /** Of each command, as they were agreed; the log is as long as its output may be. */
  readonly limits: Partial<SandboxLimits>;
}

interface OneRun {
  readonly command: string;
  readonly workTree: WorkTree;
  /** A directory that the commands of a job share. */
  readonly cache: string;
  /** The name of the log. */
  readonly artifact: string;
  readonly signal: AbortSignal;
}

/** Runs commands on a tree, in the sandbox, each to its end. */
export class CheckRunner {
  readonly #parts: CheckRunnerParts;

  constructor(parts: CheckRunnerParts) {
    this.#parts = parts;
  }

  /**
   * Runs the commands one after the other in a directory that holds the tree and nothing else. Each finds the files as the tree has
   * them; what git ignores (installed packages) and a directory for caches stay from one to the next, so that a command may prepare
   * the others. A failure is repeated once at once. Nothing stays from one job to the next. A job that came to its end is not run again:
   * half an hour of tests whose verdict was lost on its way is found on record.
   */
  run(job: CheckJob, signal: AbortSignal): Promise<CheckRun[]> {
    const { sessionId, logs, tree, commands } = job;
    const key = `${logs}/${tree}/${createHash('sha256').update(JSON.stringify(commands)).digest('hex').slice(0, 16)}`;
    return this.#parts.store.outcomes.once(sessionId, key, () => this.#run(job, signal));
  }

  async #run(job: CheckJob, signal: AbortSignal): Promise<CheckRun[]> {
    const { sessionId, tree, commands, logs } = job;
    // A directory of its own: an older attempt that still hangs somewhere cannot reach it.
    const workTree = this.#parts.git.open(sessionId).workspace(`checks-${randomUUID()}`);
    const cache = await workTree.makeScratch();
    const runs: CheckRun[] = [];
    for (const [index, command] of commands.entries()) {
      const once = async (suffix: string): Promise<CheckEnd> => {
        await workTree.restore(tree);
        return this.#once(job, { command, workTree, cache, artifact: `${logs}-${index + 1}${suffix}.log`, signal });
      };
      const first = await once('');
      runs.push({ command, ...first, again: isGreen(first) ? null : await once('-again') });
    }
    await workTree.remove();
    return runs;
  }

  async #once(
    { sessionId, limits }: CheckJob,
    { command, workTree, cache, artifact, signal }: OneRun,
  ): Promise<CheckEnd> {
    signal.throwIfAborted();
    const { store, sandbox } = this.#parts;
    const options = { signal, env: { CI: 'true', XDG_CACHE_HOME: cache } };
    const walls = { ...workTree.spec, readWrite: [cache], limits };
    const argv = ['/bin/bash', '-c', `exec 2>&1; ${command}`];
    const { exitCode, reason, wallMs, stdout } = await runInSandbox(sandbox, argv, walls, options);
    signal.throwIfAborted(); // What was broken off is no result.
    const log = await store.artifacts.put(sessionId, artifact, 'text/plain', stdout, Date.now());
    return { exitCode, reason, wallMs: Math.round(wallMs), log: log.blob, artifact, tail: tailOf(stdout) };
  }
}

function tailOf(output: Buffer): string {
  return output.toString('utf8').trimEnd().split('\n').slice(-TAIL_LINES).join('\n').slice(-MAX_TAIL_CHARS);
}
