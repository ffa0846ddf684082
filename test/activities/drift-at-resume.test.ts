import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Report } from '../../src/activities/report.ts';
import { verifyBundle } from '../../src/bundle/verify-bundle.ts';
import { bundleOf } from '../../src/api/session-bundle.ts';
import { HoldfastError, toFailure } from '../../src/domain/failure.ts';
import type { State } from '../../src/domain/session.ts';
import { openDirectory } from '../support/open-directory.ts';
import type { Turn } from '../support/scripted-model/scenario.ts';
import { executionSetting, type ExecutionSetting } from './execution-setting.ts';
import { SESSION } from './runner-setting.ts';

const never = new AbortController().signal;
const bash = (command: string, servedAs?: string): Turn => ({
  tools: [{ name: 'bash', args: { command } }],
  ...(servedAs !== undefined && { servedAs }),
});
const submit: Turn = { tools: [{ name: 'submit_result', args: { summary: 'Done.' } }] };

/** What a session is told to have drifted from, in its events, its report, and its bundle, which must hold together. */
async function told({ execution, root, store }: ExecutionSetting, ended: State<'COMPLETE' | 'FAILED'>) {
  const events = (await store.events.ofType(SESSION, 'drift')).map(({ data }) => data);
  await execution.conclude(SESSION, ended, never);
  const text = async (name: string) => (await store.artifacts.read(SESSION, name)).bytes.toString('utf8');
  const report = JSON.parse(await text('report.json')) as Report;
  expect(report.drift).toEqual(events);
  const bundle = await bundleOf(store, SESSION);
  const pieces: Uint8Array[] = [];
  for await (const piece of bundle.bytes) pieces.push(piece);
  const file = join(root, 'bundle.tar');
  writeFileSync(file, Buffer.concat(pieces));
  expect((await verifyBundle(file)).faults).toEqual([]);
  expect(readFileSync(file, 'utf8')).toContain('"drift": [\n  {');
  return { events, markdown: await text('report.md') };
}

test('an alias that leads to another model after the freeze is told at the resume; the work goes on and ends as agreed', async () => {
  const turns = [bash('echo 1 > a', 'model-1'), bash('echo 2 > b', 'model-2'), { ...submit, servedAs: 'model-1' }];
  const setting = await executionSetting({ turns }, { servedModel: 'model-1', maxTurns: 1 });
  await setting.chunk(0);
  expect(await setting.store.events.ofType(SESSION, 'drift')).toEqual([]);
  await setting.chunk(1);
  const { outcome, tree } = await setting.chunk(2);
  expect(outcome).toBe('submitted');
  const result = { sessionId: SESSION, digest: setting.frozen.digest, tree };
  const delivered = await setting.execution.deliver({ ...result, verified: false }, never);
  const { events, markdown } = await told(setting, { phase: 'COMPLETE', frozen: setting.frozen, delivered });
  expect(events).toEqual([
    {
      what: 'model',
      frozen: 'model-1',
      served: 'model-2',
      decision: expect.stringContaining('The work goes on with task'),
    },
  ]);
  expect(markdown).toContain('- the model: `model-2` answered, and `model-1` before the freeze.');
});

test('a model that moved is told also when the work fails by it', async () => {
  const turns = [bash('echo 1 > a', 'model-2'), { tools: [{ name: 'ask_user', args: {} }], servedAs: 'model-2' }];
  const setting = await executionSetting({ turns }, { servedModel: 'model-1' });
  const error = await setting.chunk(0).catch((cause: unknown) => cause);
  expect(error).toMatchObject({ code: 'INTERACTION_ATTEMPTED' });
  const { events } = await told(setting, { phase: 'FAILED', failure: toFailure(error), from: 'EXECUTING' });
  expect(events).toMatchObject([{ what: 'model', served: 'model-2' }]);
});

test('a directory that changed while the work was held is told at the resume, and never overwritten', async () => {
  const project = openDirectory();
  writeFileSync(join(project, 'a.txt'), 'as frozen\n');
  const turns = [bash('echo 1 > result.txt'), submit];
  const setting = await executionSetting({ turns }, { project, delivery: 'directory', maxTurns: 1 });
  await setting.chunk(0);
  writeFileSync(join(project, 'a.txt'), 'changed meanwhile\n');
  const { tree } = await setting.chunk(1);
  const result = { sessionId: SESSION, digest: setting.frozen.digest, tree };
  const error = await setting.execution.deliver({ ...result, verified: false }, never).catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(HoldfastError);
  expect(error).toMatchObject({ code: 'DIRECTORY_CHANGED' });
  expect(readFileSync(join(project, 'a.txt'), 'utf8')).toBe('changed meanwhile\n');
  const failed = { phase: 'FAILED', failure: toFailure(error), from: 'EXECUTING' } as const;
  const { events, markdown } = await told(setting, failed);
  expect(events).toMatchObject([{ what: 'directory', paths: ['a.txt'], count: 1 }]);
  expect(markdown).toMatch(/- the directory: `a\.txt`\. .*DIRECTORY_CHANGED/);
});
