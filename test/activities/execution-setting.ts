import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { CheckRunner } from '../../src/activities/check-runner.ts';
import { DriftWatch } from '../../src/activities/drift-watch.ts';
import { Credentials } from '../../src/activities/credentials.ts';
import { ReportWriter } from '../../src/activities/report-writer.ts';
import { LeftBranches } from '../../src/activities/left-branches.ts';
import { SessionExecution, type ChunkRequest } from '../../src/activities/session-execution.ts';
import { SnapshotBuilder } from '../../src/activities/snapshot-builder.ts';
import { SourceImporter } from '../../src/activities/source-importer.ts';
import { SyntaxChecker } from '../../src/activities/syntax-checker.ts';
import { Verifier } from '../../src/activities/verifier.ts';
import { WorkKeeper } from '../../src/activities/work-keeper.ts';
import { canonicalJson, digestOf } from '../../src/digest/canonical-json.ts';
import type { Frozen, Limits } from '../../src/domain/session.ts';
import type { Snapshot } from '../../src/domain/snapshot.ts';
import type { Source } from '../../src/domain/task.ts';
import { startGitHttpServer, type GitHttpServer } from '../../src/demo/git-http-server.ts';
import { createSandbox } from '../../src/sandbox/create-sandbox.ts';
import { sampleContract } from '../api/sample-contract.ts';
import { deliveryParts } from '../support/delivery-parts.ts';
import { openDirectory } from '../support/open-directory.ts';
import { sampleSession, sampleSnapshot, sampleTask } from '../support/sample-task.ts';
import type { Scenario } from '../support/scripted-model/scenario.ts';
import { startScriptedModel, type ScriptedModel } from '../support/scripted-model/server.ts';
import { openRunner, SESSION, type RunnerSetting } from './runner-setting.ts';

const limits: Limits = { maxSteps: 100, maxIterations: 3 };
const never = new AbortController().signal;

/** Everything after the freeze on real parts, the repository behind HTTP; the model is scripted. */
export interface ExecutionSetting extends Pick<RunnerSetting, 'root' | 'store' | 'git'> {
  readonly execution: SessionExecution;
  readonly model: ScriptedModel;
  readonly server: GitHttpServer;
  readonly frozen: Frozen;
  readonly snapshot: Snapshot;
  /** Runs the chunk of an ordinal. */
  readonly chunk: (
    ordinal: number,
    changes?: Partial<ChunkRequest>,
    signal?: AbortSignal,
  ) => ReturnType<SessionExecution['runChunk']>;
  /** The same by another worker on the same directories, for which this one is gone. */
  readonly takeOver: () => ExecutionSetting['chunk'];
}

/**
 * A frozen session on a repository with these files, or on the directory `project` as it is, or on what `plant` makes of the repository;
 * `maxTurns` is where a chunk ends.
 */
export async function executionSetting(
  scenario: Scenario,
  {
    files = { 'README.md': '# sample\n' },
    project,
    plant = async (_server, url) => ({ kind: 'repository', url }),
    maxTurns = 100,
    ...changes
  }: Partial<Omit<Snapshot, 'files'>> & {
    readonly files?: Readonly<Record<string, string>>;
    readonly project?: string;
    readonly plant?: (server: GitHttpServer, url: string) => Promise<Source>;
    readonly maxTurns?: number;
  } = {},
): Promise<ExecutionSetting> {
  const root = openDirectory();
  const { store, git, runner, close } = openRunner(root);
  const model = await startScriptedModel({ task: scenario }, { key: 'key' });
  const server = await startGitHttpServer({ root: join(root, 'remote'), user: 'git', token: 'token' });
  const sandbox = createSandbox({ mode: 'bwrap' });
  onTestFinished(async () => {
    await model.close();
    await server.close();
    sandbox.dispose();
    close();
  });
  const source: Source =
    project === undefined
      ? await plant(server, await server.createRepository('app', files))
      : { kind: 'directory', path: project };
  const secrets = [
    store.secrets.seal({ tenant: 'default', id: SESSION }, 'git.token', 'token'),
    store.secrets.seal({ tenant: 'default', id: SESSION }, 'git.username', 'git'),
    store.secrets.seal({ tenant: 'default', id: SESSION }, 'model.apiKey', 'key'),
  ];
  await store.sessions.create(sampleSession(SESSION, { task: sampleTask({ source }), secrets }));
  const spec = { provider: 'anthropic', id: 'task', baseUrl: model.url, thinkingLevel: 'off' } as const;
  const credentials = new Credentials(store, { spec, key: () => undefined });
  const sources = new SourceImporter({ store, git, credentials });
  const base = await sources.prepare(SESSION, never);
  const { submodules } = await git.open(SESSION).fetched();
  const fetched = submodules.length > 0 ? { submodules } : {};
  const snapshot = sampleSnapshot(
    { sessionId: SESSION, source, base, model: spec, limits },
    { delivery: 'branch', contract: digestOf(canonicalJson(sampleContract(true))), ...fetched, ...changes },
  );
  const snapshots = new SnapshotBuilder(store);
  const frozen = await snapshots.freeze(snapshot, sampleContract(true));
  const { commits } = deliveryParts({ git, store, credentials });
  const checks = new CheckRunner({ store, git, sandbox });
  const syntax = new SyntaxChecker({ git, sandbox });
  const verifier = new Verifier({ store, git, checks, syntax, timeoutMs: 30_000 });
  const reports = new ReportWriter({ store, git, commits });
  const branchSettings = { reapsBranches: false, outbound: { allowPrivate: true, networks: [] }, workingDir: root };
  const borders = { maxTurns, maxMs: 60_000 };
  const executionWith = (one: typeof runner) =>
    new SessionExecution({
      store,
      git,
      credentials,
      sources,
      snapshots,
      drift: new DriftWatch({ store, git }),
      runner: one,
      verifier,
      commits,
      reports,
      keeper: new WorkKeeper({ store, git, snapshots, commits }),
      branches: new LeftBranches({ store, credentials, settings: branchSettings }),
      chunk: borders,
    });
  const execution = executionWith(runner);
  const chunkBy =
    (one: SessionExecution): ExecutionSetting['chunk'] =>
    (ordinal, changes, signal = never) => {
      const request = { sessionId: SESSION, chunk: ordinal, limits, feedback: null, digest: frozen.digest, ...changes };
      return sources.withFiles(SESSION, signal, () => one.runChunk(request, signal));
    };
  const takeOver = (): ExecutionSetting['chunk'] => {
    const other = openRunner(root, { name: 'another worker', isGone: () => true });
    onTestFinished(other.close);
    return chunkBy(executionWith(other.runner));
  };
  const chunk = chunkBy(execution);
  return { root, store, git, execution, model, server, frozen, snapshot, chunk, takeOver };
}
