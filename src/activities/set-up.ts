import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf } from '../digest/canonical-json.ts';
import type { NetworkPolicy } from '../domain/egress.ts';
import { isGreen, type CheckEnd } from '../domain/verdict.ts';
import type { GitManager } from '../git/git-manager.ts';
import type { WorkTree } from '../git/work-tree.ts';
import type { Sandbox, SandboxLimits } from '../sandbox/sandbox.ts';
import type { Store } from '../store/store.ts';
import { runLogged } from './logged-command.ts';
import { SessionEgress, type EgressSettings } from './session-egress.ts';
import { setUpInputs } from './set-up-inputs.ts';

/** What set-ups are run with. */
export interface SetUpParts {
  readonly store: Store;
  readonly git: GitManager;
  readonly sandbox: Sandbox;
  readonly egress: EgressSettings;
}

/** Commands that make a work tree ready: `npm ci` and its kin. */
export interface SetUpJob {
  readonly sessionId: string;
  readonly commands: readonly string[];
  readonly network: NetworkPolicy;
  /** Of each command, as they were agreed. */
  readonly limits: Partial<SandboxLimits>;
  readonly workTree: WorkTree;
  /** What the work tree holds, and holds again when the commands are through. */
  readonly files: { readonly tree: string; readonly kept: string | null };
  /** The logs become artifacts `setup/<name>-<n>.log`. */
  readonly name: string;
  readonly signal: AbortSignal;
}

/**
 * Makes work trees ready, each once. Only what git ignores stays of it: everything else is put back as the tree has it, so that a set-up
 * is no part of the change. What the commands download is kept for the next set-up of the session, in a cache that no other command sees.
 */
export class SetUp {
  readonly #parts: SetUpParts;

  constructor(parts: SetUpParts) {
    this.#parts = parts;
  }

  /**
   * Runs the commands, unless this work tree has seen them with the same manifests and locks, see {@link setUpInputs}. Answers the end
   * of the one that is red, also on its second try; else null.
   */
  async run(job: SetUpJob): Promise<CheckEnd | null> {
    const { commands, files, sessionId, workTree } = job;
    if (commands.length === 0) return null;
    const { git, sandbox, store, egress: settings } = this.#parts;
    const mark = join(workTree.stateDirectory, 'set-up');
    const inputs = await setUpInputs(git.open(sessionId), files.tree);
    const key = digestOf(JSON.stringify([commands, inputs]));
    if (existsSync(mark) && readFileSync(mark, 'utf8') === key) return null;
    rmSync(mark, { force: true }); // From here on the directory is neither as it was nor as it shall be.
    await using egress = await SessionEgress.open(sessionId, job.network, { sandbox, events: store.events, settings });
    const cache = await git.open(sessionId).makeCache();
    const failed = await this.#all(job, cache, egress);
    await workTree.restore(files.tree, files.kept);
    if (failed === null) writeFileSync(mark, key);
    return failed;
  }

  async #all(job: SetUpJob, cache: string, { access }: SessionEgress): Promise<CheckEnd | null> {
    const { commands, limits, name, sessionId, signal, workTree } = job;
    const spec = { ...workTree.spec, limits, readWrite: [cache], ...(access.egress && { egress: access.egress }) };
    const caches = { XDG_CACHE_HOME: cache, npm_config_cache: join(cache, 'npm'), PIP_CACHE_DIR: join(cache, 'pip') };
    const env = { ...caches, npm_config_prefer_offline: 'true' };
    for (const [index, command] of commands.entries()) {
      const once = (artifact: string): Promise<CheckEnd> =>
        runLogged(this.#parts, { sessionId, command, spec, env, artifact, signal });
      const first = await once(`setup/${name}-${index + 1}.log`);
      if (isGreen(first)) continue;
      const again = await once(`setup/${name}-${index + 1}-again.log`); // A registry may have hiccuped.
      if (!isGreen(again)) return again;
    }
    return null;
  }
}
