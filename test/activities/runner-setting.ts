import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { lfsTransport } from '../../src/activities/lfs-transport.ts';
import { ExecutionRunner, type ChunkInput } from '../../src/activities/execution-runner.ts';
import type { StuckLimits } from '../../src/domain/stuck.ts';
import type { Limits } from '../../src/domain/session.ts';
import type { ModelProvider, ModelSpec } from '../../src/domain/model-spec.ts';
import type { Snapshot } from '../../src/domain/snapshot.ts';
import { GitManager } from '../../src/git/git-manager.ts';
import type { Owner } from '../../src/git/attempt-trees.ts';
import { createModel } from '../../src/model/provider.ts';
import { isDeadWorker, workerIdentity } from '../../src/temporal/process-identity.ts';
import { createSandbox } from '../../src/sandbox/create-sandbox.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { openDirectory } from '../support/open-directory.ts';
import { sampleSession, sampleSnapshot } from '../support/sample-task.ts';
import type { Scenario } from '../support/scripted-model/scenario.ts';
import { startScriptedModel, type ScriptedModel } from '../support/scripted-model/server.ts';

export const SESSION = 'ses_runner';

/** The agent on real parts: journal on SQLite, git, sandbox; the model is scripted over HTTP. */
export interface RunnerSetting {
  readonly root: string;
  readonly store: Store;
  readonly git: GitManager;
  readonly runner: ExecutionRunner;
  readonly model: ScriptedModel;
  readonly snapshot: Snapshot;
  /** Runs one chunk. */
  readonly chunk: (changes?: Partial<ChunkInput>, signal?: AbortSignal) => ReturnType<ExecutionRunner['runChunk']>;
  /** Runs chunks until the agent has handed in. */
  readonly toTheEnd: (changes?: Partial<ChunkInput>) => ReturnType<ExecutionRunner['runChunk']>;
  /** A file of a tree. */
  readonly file: (tree: string, path: string) => Promise<string | undefined>;
}

/** What a test has special. */
export interface RunnerOptions {
  /** Added to the model's spec. */
  readonly model?: Partial<ModelSpec>;
  readonly isStopping?: () => boolean;
}

/** Patience with an agent that does not get on, in the tests. */
export const stuck: StuckLimits = { repeats: 3, idleTurns: 8 };
/** Every name leads to this machine, and commands may go there when their session names the host. */
const here = {
  privateNetworks: ['127.0.0.0/8'],
  resolve: async () => [{ address: '127.0.0.1', family: 4 }],
};

const limits: Limits = { maxSteps: 100, maxIterations: 3 };

/** This process as a worker whose data lies below a directory. */
export function ownerOf(root: string): Owner {
  const hostFile = join(root, 'host-id');
  return { name: workerIdentity(hostFile), isGone: (name) => isDeadWorker(name, hostFile) };
}

/** Opens store, git and sandbox below a directory, for a session that may be there already. */
export function openRunner(
  root: string,
  owner: Owner = ownerOf(root),
  directory: string = join(root, 'work'),
  isStopping: () => boolean = () => false,
): Pick<RunnerSetting, 'store' | 'git' | 'runner'> & { readonly close: () => void } {
  const sandbox = createSandbox({ mode: 'bwrap' });
  const store = openStore({ directory: join(root, 'store') });
  const git = new GitManager({ sandbox, directory, lfs: lfsTransport({ allowPrivate: true, networks: [] }) });
  const runner = new ExecutionRunner({
    store,
    git,
    sandbox,
    openModel: (spec, key) => createModel(spec, key, { idleTimeoutMs: 3000 }),
    stuck,
    owner,
    isStopping,
    egress: here,
  });
  const close = (): void => {
    store.close();
    sandbox.dispose();
  };
  return { store, git, runner, close };
}

/** A session whose agent does what a scenario says. */
export async function runnerSetting(
  scenario: Scenario,
  provider: ModelProvider = 'anthropic',
  options: RunnerOptions = {},
): Promise<RunnerSetting> {
  const root = openDirectory();
  const { store, git, runner, close } = openRunner(root, undefined, undefined, options.isStopping);
  const model = await startScriptedModel({ task: scenario }, { key: 'key' });
  onTestFinished(async () => {
    await model.close();
    close();
  });
  await store.sessions.create(sampleSession(SESSION));
  const project = openDirectory();
  const base = await git.prepare(SESSION, { kind: 'directory', path: project });
  const spec = { provider, id: 'task', baseUrl: model.url, thinkingLevel: 'off', ...options.model } as const;
  const snapshot = sampleSnapshot({
    sessionId: SESSION,
    source: { kind: 'directory', path: project },
    base,
    model: spec,
    limits,
  });
  const chunk: RunnerSetting['chunk'] = (changes, signal = new AbortController().signal) =>
    runner.runChunk(
      { snapshot, maxTurns: 100, maxChunkMs: 60_000, limits, feedback: null, modelKey: 'key', ...changes },
      signal,
    );
  return {
    root,
    store,
    git,
    runner,
    model,
    snapshot,
    chunk,
    toTheEnd: async (changes) => {
      for (;;) {
        const end = await chunk(changes);
        if (end.outcome === 'submitted') return end;
      }
    },
    file: async (tree, path) => (await git.open(SESSION).readFile(tree, path, 1_000_000))?.toString('utf8'),
  };
}

/** The same session, whose commands may reach these hosts (see EgressRule). */
export function reaching(setting: RunnerSetting, network: readonly string[]): RunnerSetting {
  const snapshot: Snapshot = { ...setting.snapshot, sandbox: { kind: 'bwrap', network: [...network] } };
  return { ...setting, snapshot, chunk: (changes, signal) => setting.chunk({ snapshot, ...changes }, signal) };
}
