import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ExecutionRunner } from '../src/activities/execution-runner.ts';
import { SourceImporter } from '../src/activities/source-importer.ts';
import { Credentials } from '../src/activities/credentials.ts';
import type { Snapshot } from '../src/domain/snapshot.ts';
import { GitManager } from '../src/git/git-manager.ts';
import { createModel } from '../src/model/provider.ts';
import type { Sandbox } from '../src/sandbox/sandbox.ts';
import { openStore, type Store } from '../src/store/store.ts';
import { sampleSession, sampleTask, sampleSnapshot } from '../test/support/sample-task.ts';

/** The key that the scripted model takes. */
export const KEY = 'bench-key';
const SESSION = 'ses_bench';
const FILE = 'The quick brown fox jumps over the lazy dog, and goes on.\n'.repeat(8);

/** Runs a chunk of so many turns, on whatever the worker has of the session. */
export type Worker = (maxTurns: number) => ReturnType<ExecutionRunner['runChunk']>;

/** A session on the records. */
export interface BenchSession {
  readonly store: Store;
  readonly snapshot: Snapshot;
  /** A worker of that name, which has never seen the session. */
  readonly worker: (name: string) => Worker;
}

/** Writes `count` files of half a kilobyte, a hundred to a directory. */
export function makeFiles(directory: string, count: number): void {
  for (let index = 0; index < count; index += 1) {
    const parent = join(directory, `d${Math.floor(index / 100)}`);
    if (index % 100 === 0) mkdirSync(parent, { recursive: true });
    writeFileSync(join(parent, `f${index}.txt`), `${index}\n${FILE}`);
  }
}

/** A session on a directory of so many files whose model does what a scenario says. */
export async function openBenchSession(options: {
  readonly sandbox: Sandbox;
  readonly directory: string;
  readonly modelUrl: string;
  readonly scenario: string;
  readonly files: number;
}): Promise<BenchSession> {
  const { sandbox, directory, modelUrl, scenario, files } = options;
  const store = openStore({ directory: join(directory, 'store') });
  const path = join(directory, 'project');
  mkdirSync(path);
  makeFiles(path, files);
  const source = { kind: 'directory', path } as const;
  const model = { provider: 'anthropic', id: scenario, baseUrl: modelUrl, thinkingLevel: 'off' } as const;
  await store.sessions.create(sampleSession(SESSION, { task: sampleTask({ source }) }));
  const first = new GitManager({ sandbox, directory: join(directory, 'base') });
  const base = await first.prepare(SESSION, source);
  await store.sessions.setBase(SESSION, base);
  const limits = { maxSteps: 100_000, maxIterations: 0 };
  const snapshot = sampleSnapshot({ sessionId: SESSION, source, base, model, limits });
  const { signal } = new AbortController();
  const input = { snapshot, maxChunkMs: 3_600_000, limits, feedback: null, modelKey: KEY };
  return {
    store,
    snapshot,
    worker: (name) => {
      const git = new GitManager({ sandbox, directory: join(directory, name) });
      const credentials = new Credentials(store, { spec: model, key: () => KEY });
      const sources = new SourceImporter({ store, git, credentials });
      const owner = { name, isGone: () => false };
      const runner = new ExecutionRunner({
        store,
        git,
        sandbox,
        openModel: (spec, key) => createModel(spec, key, { idleTimeoutMs: 60_000 }),
        stuck: { repeats: 0, idleTurns: 0 },
        owner,
      });
      return async (maxTurns) => {
        await sources.ensure(SESSION, signal);
        return runner.runChunk({ ...input, maxTurns }, signal);
      };
    },
  };
}
