import { join } from 'node:path';
import { ExecutionRunner } from '../src/activities/execution-runner.ts';
import type { GitCredentials } from '../src/domain/git-credentials.ts';
import type { Source } from '../src/domain/task.ts';
import type { GitManager } from '../src/git/git-manager.ts';
import { createModel, type OpenModel } from '../src/model/provider.ts';
import type { Sandbox } from '../src/sandbox/sandbox.ts';
import { openStore, type Store } from '../src/store/store.ts';
import { sampleSession, sampleSnapshot, sampleTask } from '../test/support/sample-task.ts';
import type { ScriptedModelProcess } from '../test/support/scripted-model/process.ts';
import { KEY } from './holdfast-run.ts';

const limits = { maxSteps: 100, maxIterations: 0 };
const model = { provider: 'anthropic', id: 'instant', thinkingLevel: 'off' } as const;

/** A worker on which sessions of a repository are started. */
export interface StartBench {
  readonly store: Store;
  /** From bringing the source in until the model has the agent's first request, in milliseconds; the turn is then run to its end. */
  readonly firstRequest: (sessionId: string) => Promise<number>;
}

/** Everything that a worker does between accepting a session and its agent's first request, the agreement aside. */
export function openStartBench(parts: {
  readonly directory: string;
  readonly git: GitManager;
  readonly sandbox: Sandbox;
  readonly source: Source;
  readonly credentials: GitCredentials;
  readonly asked: Pick<ScriptedModelProcess, 'url' | 'journal'>;
}): StartBench {
  const { asked, credentials, directory, git, sandbox, source } = parts;
  const store = openStore({ directory: join(directory, 'store') });
  const owner = { name: 'bench', isGone: () => false };
  const stuck = { repeats: 0, idleTurns: 0 };
  const openModel: OpenModel = (spec, key) => createModel(spec, key, { idleTimeoutMs: 60_000 });
  const runner = new ExecutionRunner({ store, git, sandbox, openModel, stuck, owner });
  const job = { maxTurns: 1, maxChunkMs: 60_000, limits, feedback: null, modelKey: KEY };
  const firstRequest = async (sessionId: string): Promise<number> => {
    await store.sessions.create(sampleSession(sessionId, { task: sampleTask({ source }) }));
    const started = Date.now();
    const base = await git.prepare(sessionId, source, credentials);
    await store.sessions.setBase(sessionId, base);
    const spec = { ...model, baseUrl: asked.url };
    const snapshot = sampleSnapshot({ sessionId, source, base, model: spec, limits });
    await runner.runChunk({ ...job, snapshot }, new AbortController().signal);
    return ((await asked.journal()).at(-1)?.at ?? Number.NaN) - started;
  };
  return { store, firstRequest };
}
