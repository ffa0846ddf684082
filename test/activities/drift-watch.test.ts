import { appendFileSync, chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { DriftWatch } from '../../src/activities/drift-watch.ts';
import { servedModelsIn } from '../../src/agent/transcript.ts';
import type { Snapshot } from '../../src/domain/snapshot.ts';
import { GitManager } from '../../src/git/git-manager.ts';
import { createSandbox } from '../../src/sandbox/create-sandbox.ts';
import { openStore } from '../../src/store/store.ts';
import { openDirectory } from '../support/open-directory.ts';
import { sampleSession, sampleSnapshot } from '../support/sample-task.ts';

const SESSION = 'ses_drift';

/** A session over a local directory, frozen, with a look that answers the events of drift so far. */
async function frozen(files: Readonly<Record<string, string>>, changes: Partial<Snapshot> = {}) {
  const root = openDirectory();
  const project = openDirectory();
  for (const [path, text] of Object.entries(files)) writeFileSync(join(project, path), text);
  const sandbox = createSandbox({ mode: 'bwrap' });
  const store = openStore({ directory: join(root, 'store') });
  onTestFinished(() => {
    store.close();
    sandbox.dispose();
  });
  await store.sessions.create(sampleSession(SESSION));
  const git = new GitManager({ sandbox, directory: join(root, 'work') });
  const source = { kind: 'directory', path: project } as const;
  const base = await git.prepare(SESSION, source);
  const model = { provider: 'openai', id: 'alias', thinkingLevel: 'off' } as const;
  const limits = { maxSteps: 1, maxIterations: 0 };
  const snapshot = sampleSnapshot({ sessionId: SESSION, source, base, model, limits }, changes);
  const watch = new DriftWatch({ store, git });
  const found = async () => (await store.events.ofType(SESSION, 'drift')).map(({ data }) => data);
  return { project, snapshot, watch, found, store };
}

test('a directory that is as it was frozen has not drifted: touched, made executable or with new ignored files', async () => {
  const { project, snapshot, watch, found } = await frozen({
    'a.txt': 'a',
    'b.sh': '#!/bin/sh\n',
    '.gitignore': '*.log\n',
  });
  await watch.lookAtDirectory(snapshot);
  writeFileSync(join(project, 'a.txt'), 'a');
  writeFileSync(join(project, 'build.log'), 'ignored');
  chmodSync(join(project, 'b.sh'), 0o755);
  await watch.lookAtDirectory(snapshot);
  expect(await found()).toEqual([]);
});

test('what changed, went or came is named once, with what will be done about it; something new is named again', async () => {
  const { project, snapshot, watch, found } = await frozen({ 'a.txt': 'a', 'b.txt': 'b', 'c.txt': 'c' });
  appendFileSync(join(project, 'a.txt'), 'more');
  rmSync(join(project, 'b.txt'));
  writeFileSync(join(project, 'new.txt'), 'n');
  await watch.lookAtDirectory(snapshot);
  await watch.lookAtDirectory(snapshot);
  const first = { what: 'directory', paths: ['a.txt', 'b.txt', 'new.txt'], count: 3 };
  expect(await found()).toEqual([{ ...first, decision: expect.stringContaining('DIRECTORY_CHANGED') }]);
  writeFileSync(join(project, 'c.txt'), 'C');
  await watch.lookAtDirectory(snapshot);
  expect(await found()).toMatchObject([first, { paths: ['a.txt', 'b.txt', 'c.txt', 'new.txt'], count: 4 }]);
});

test('a change of the same length within the same moment is seen, too', async () => {
  const { project, snapshot, watch, found } = await frozen({ 'a.txt': 'one' });
  await watch.lookAtDirectory(snapshot);
  writeFileSync(join(project, 'a.txt'), 'two');
  await watch.lookAtDirectory(snapshot);
  expect(await found()).toMatchObject([{ paths: ['a.txt'] }]);
});

test('a directory that is gone stops nothing here: its delivery will say so', async () => {
  const { project, snapshot, watch, found } = await frozen({ 'a.txt': 'a' });
  rmSync(project, { recursive: true });
  await watch.lookAtDirectory(snapshot);
  expect(await found()).toEqual([]);
});

test('another model behind the frozen alias is told once; the same one, or none that was told, is not', async () => {
  const { snapshot, watch, found } = await frozen({}, { servedModel: 'model-2026-01' });
  await watch.lookAtModels(snapshot, ['model-2026-01']);
  await watch.lookAtModels(snapshot, []);
  expect(await found()).toEqual([]);
  await watch.lookAtModels(snapshot, ['model-2026-01', 'model-2026-02']);
  await watch.lookAtModels(snapshot, ['model-2026-02', 'model-2026-01']);
  expect(await found()).toMatchObject([{ what: 'model', frozen: 'model-2026-01', served: 'model-2026-02' }]);
});

test('the served models are those of the good replies, or what was asked for where the provider names none', () => {
  const reply = (more: object) => ({ type: 'message', message: { role: 'assistant', stopReason: 'stop', ...more } });
  const [one, none] = [reply({ responseModel: 'one' }), reply({})];
  expect(servedModelsIn([], 'alias')).toEqual([]);
  expect(servedModelsIn([one, none, one], 'alias')).toEqual(['one', 'alias']);
  expect(servedModelsIn([one, reply({ responseModel: 'x', stopReason: 'error' })], 'a')).toEqual(['one']);
});
