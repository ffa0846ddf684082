import { createHash, randomUUID } from 'node:crypto';
import type { NetworkPolicy } from '../domain/egress.ts';
import { isGreen, type CheckEnd, type CheckRun } from '../domain/verdict.ts';
import type { GitManager } from '../git/git-manager.ts';
import type { WorkTree } from '../git/work-tree.ts';
import type { Sandbox, SandboxLimits } from '../sandbox/sandbox.ts';
import type { Store } from '../store/store.ts';
import { runLogged } from './logged-command.ts';
import { SetUp } from './set-up.ts';
import type { EgressSettings } from './session-egress.ts';

/** What the runner works with. */
export interface CheckRunnerParts {
  readonly store: Store;
  readonly git: GitManager;
  readonly sandbox: Sandbox;
  /** For set-ups; commands themselves have no network. */
  readonly egress?: EgressSettings;
}

/** Commands to be run on a tree. */
export interface CheckJob {
  readonly sessionId: string;
  readonly tree: string;
  readonly commands: readonly string[];
  /** What makes the directory ready before them, and what that may reach. */
  readonly setup?: { readonly commands: readonly string[]; readonly network: NetworkPolicy } | undefined;
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
  readonly #setUp: SetUp;

  constructor(parts: CheckRunnerParts) {
    this.#parts = parts;
    this.#setUp = new SetUp({ ...parts, egress: parts.egress ?? { privateNetworks: [] } });
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
    const failed = await this.#makeReady(job, workTree, signal);
    const runs: CheckRun[] = [];
    for (const [index, command] of commands.entries()) {
      const once = async (suffix: string): Promise<CheckEnd> => {
        if (failed !== null) return failed;
        await workTree.restore(tree);
        return this.#once(job, { command, workTree, cache, artifact: `${logs}-${index + 1}${suffix}.log`, signal });
      };
      const first = await once('');
      runs.push({ command, ...first, again: isGreen(first) ? null : await once('-again') });
    }
    await workTree.remove();
    return runs;
  }

  /** Where the directory cannot be made ready, that is how each of its commands ends. */
  async #makeReady(job: CheckJob, workTree: WorkTree, signal: AbortSignal): Promise<CheckEnd | null> {
    const { limits, sessionId, setup, tree } = job;
    if (setup === undefined) return null;
    await workTree.restore(tree);
    const files = { tree, kept: null };
    const name = job.logs.replace(/^checks\//, '');
    return this.#setUp.run({ sessionId, ...setup, limits, workTree, files, name, signal });
  }

  #once({ sessionId, limits }: CheckJob, { command, workTree, cache, artifact, signal }: OneRun): Promise<CheckEnd> {
    const spec = { ...workTree.spec, readWrite: [cache], limits };
    return runLogged(this.#parts, { sessionId, command, spec, env: { XDG_CACHE_HOME: cache }, artifact, signal });
  }
}
