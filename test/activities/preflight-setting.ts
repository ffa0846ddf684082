import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { ContractSynthesizer } from '../../src/activities/contract-synthesizer.ts';
import { Credentials } from '../../src/activities/credentials.ts';
import { Preflight, type Agreed, type PreflightCheck, type Supplied } from '../../src/activities/preflight.ts';
import { SnapshotBuilder } from '../../src/activities/snapshot-builder.ts';
import { SourceImporter } from '../../src/activities/source-importer.ts';
import type { Contract } from '../../src/domain/contract.ts';
import type { Frozen } from '../../src/domain/session.ts';
import type { Snapshot } from '../../src/domain/snapshot.ts';
import type { Task } from '../../src/domain/task.ts';
import { GitManager } from '../../src/git/git-manager.ts';
import { createModel } from '../../src/model/provider.ts';
import { createSandbox } from '../../src/sandbox/create-sandbox.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { deliveryParts } from '../support/delivery-parts.ts';
import { openDirectory } from '../support/open-directory.ts';
import { sampleSession, sampleTask } from '../support/sample-task.ts';
import type { Conversation } from '../support/scripted-model/scenario.ts';
import { startScriptedModel } from '../support/scripted-model/server.ts';

/** What a preflight starts from. */
export interface PreflightCase {
  /** The files of the project; a file whose text begins with `#!` is executable. */
  readonly files?: Readonly<Record<string, string>>;
  /** Symbolic links of the project and where they lead. */
  readonly links?: Readonly<Record<string, string>>;
  /** What the model hands in besides the goal. */
  readonly contract?: object | ((conversation: Conversation) => object);
  readonly task?: Partial<Task>;
  /** The server's folder of skills. */
  readonly skills?: Readonly<Record<string, string>>;
  readonly allowedRoots?: readonly string[];
}

type Given = Partial<Omit<Supplied, 'sessionId'>>;

/** A preflight on real parts: git, sandbox, records; the model answers over HTTP what the case says. */
export interface PreflightSetting {
  readonly preflight: Preflight;
  readonly store: Store;
  readonly project: string;
  readonly skillsDir: string;
  /** What the model was asked, once for each request. */
  readonly asked: readonly Conversation[];
  /** The contract after a check. */
  readonly check: (given?: Given) => Promise<PreflightCheck & { readonly agreed: Contract }>;
  readonly freeze: (given?: Partial<Omit<Agreed, 'sessionId'>>) => Promise<{ frozen: Frozen; snapshot: Snapshot }>;
}

const SESSION = 'ses_preflight';

export async function preflightSetting(one: PreflightCase = {}): Promise<PreflightSetting> {
  const root = openDirectory();
  const project = openDirectory();
  write(project, one.files ?? {});
  for (const [path, target] of Object.entries(one.links ?? {})) symlinkSync(target, join(project, path));
  write(join(root, 'skills'), one.skills ?? {});
  const asked: Conversation[] = [];
  const answer = (conversation: Conversation): object => {
    asked.push(conversation);
    const { contract = {} } = one;
    return { goal: 'It is done.', ...(typeof contract === 'function' ? contract(conversation) : contract) };
  };
  const model = await startScriptedModel({ task: { turns: [], contract: answer } }, { key: 'key' });
  const sandbox = createSandbox({ mode: 'bwrap' });
  const store = openStore({ directory: join(root, 'store') });
  onTestFinished(async () => {
    await model.close();
    store.close();
    sandbox.dispose();
  });
  const spec = { provider: 'anthropic', id: 'task', baseUrl: model.url, thinkingLevel: 'off' } as const;
  const task = sampleTask({
    source: { kind: 'directory', path: project },
    delivery: 'directory',
    model: spec,
    ...one.task,
  });
  await store.sessions.create(sampleSession(SESSION, { task }));
  const git = new GitManager({ sandbox, directory: join(root, 'work'), allowedRoots: one.allowedRoots ?? [] });
  const credentials = new Credentials(store, { spec, key: () => 'key' });
  const sources = new SourceImporter({ store, git, credentials });
  const snapshots = new SnapshotBuilder(store);
  const synthesizer = new ContractSynthesizer((spec, key) => createModel(spec, key, { idleTimeoutMs: 5_000 }));
  const skillsDir = join(root, 'skills');
  const { delivery } = deliveryParts({ git, store, credentials });
  const parts = { store, git, sandbox, credentials, synthesizer, snapshots, sources, delivery, skillsDir };
  const preflight = new Preflight({ ...parts, checkTimeoutMs: 600_000 });
  const { signal } = new AbortController();
  await sources.prepare(SESSION, signal);
  await preflight.synthesize(SESSION, signal);
  return {
    preflight,
    store,
    project,
    skillsDir,
    asked,
    check: async (given = {}) => {
      const checked = await preflight.check({ sessionId: SESSION, inputs: {}, answers: {}, ...given }, signal);
      const { contract } = await store.sessions.get(SESSION);
      if (contract === null) throw new Error('there is no contract after a check');
      return { ...checked, agreed: contract };
    },
    freeze: async (given = {}) => {
      const frozen = await preflight.freeze({ sessionId: SESSION, inputs: {}, answers: {}, at: 1, ...given }, signal);
      return { frozen, snapshot: await snapshots.load(frozen.digest) };
    },
  };
}

function write(directory: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    const file = join(directory, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text, { mode: text.startsWith('#!') ? 0o755 : 0o644 });
  }
}
