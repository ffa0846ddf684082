import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openStore, type Store } from '../../src/store/store.ts';
import { until, type Answer } from '../support/holdfast.ts';
import { startSetting, type Setting } from '../support/scripted-setting.ts';
import { countRunning, deliveriesOf, processesWith, tracesOf } from '../support/traces.ts';

let setting: Setting;
let store: Store;
beforeAll(async () => {
  setting = await startSetting({ MODEL_BACKOFF_MS: '100', WEBHOOK_BACKOFF_MS: '500' });
  store = openStore({ directory: join(setting.holdfast.dataDir, 'sessions') });
});
afterAll(async () => {
  store.close();
  await setting.stop();
});

async function begin(name: string, scenario: string, changes: object = {}): Promise<string> {
  const url = await setting.git.createRepository(name, { 'README.md': '# sample\n' });
  return setting.holdfast.create(setting.request(scenario, url, changes));
}

const remove = (id: string): Promise<Answer> => setting.holdfast.call('DELETE', `/api/sessions/${id}`);
const stageOf = async (id: string): Promise<string> => (await setting.holdfast.session(id))?.stage;

/** Removed, without a trace, and for good. */
async function expectGone(id: string): Promise<void> {
  await until(async () => (await tracesOf(setting.holdfast, id)).length === 0); // A process that was ended late is gone a moment later.
  await until(async () => (await deliveriesOf(setting.holdfast, id)).length === 0); // They find nothing to send, and end.
  expect((await setting.holdfast.call('GET', `/api/sessions/${id}`)).status).toBe(404);
  expect((await remove(id)).status).toBe(204);
}

interface Case {
  readonly scenario: string;
  readonly changes?: object;
  /** What its processes are called. */
  readonly naps?: readonly string[];
  readonly reached: (id: string) => Promise<boolean>;
}

const cases: Readonly<Record<string, Case>> = {
  'waits in INIT': {
    scenario: 'lines',
    changes: { auto: false },
    reached: async (id) => (await stageOf(id)) === 'cloning',
  },
  'waits for its contract': { scenario: 'slow-contract', reached: async (id) => (await stageOf(id)) === 'analyzing' },
  'waits for answers': { scenario: 'asks', reached: async (id) => (await stageOf(id)) === 'awaiting_input' },
  'waits for a reply': {
    scenario: 'slow-reply',
    reached: async (id) => (await setting.holdfast.session(id)).usage.turns === 1,
  },
  'runs a command with offspring': {
    scenario: 'offspring',
    changes: { userPrompt: 'mark 201' },
    naps: ['sleep 99201'],
    reached: async () => countRunning('sleep 99201') === 5,
  },
  'is being verified': {
    scenario: 'marked',
    changes: { acceptance: ['sleep 99202'] },
    naps: ['sleep 99202'],
    reached: async () => countRunning('sleep 99202') > 0,
  },
  'is paused': {
    scenario: 'lines',
    changes: { limits: { maxSteps: 2 } },
    reached: async (id) => (await stageOf(id)) === 'paused',
  },
  'is complete': { scenario: 'marked', reached: async (id) => (await stageOf(id)) === 'completed' },
  'has failed': { scenario: 'blocked', reached: async (id) => (await stageOf(id)) === 'failed' },
  'has a dead endpoint': {
    scenario: 'marked',
    changes: { webhook: { url: 'http://127.0.0.1:9/dead' } },
    reached: async (id) => (await stageOf(id)) === 'completed',
  },
};

test.concurrent.each(Object.entries(cases))('a session that %s is deleted without a trace', async (name, aCase) => {
  const { scenario, changes = {}, naps = [], reached } = aCase;
  const id = await begin(`delete-${name.replaceAll(' ', '-')}`, scenario, changes);
  await until(() => reached(id), 60_000);
  const started = performance.now();
  const answers = await Promise.all([remove(id), remove(id)]);
  expect(answers.map(({ status }) => status)).toEqual([204, 204]);
  expect(performance.now() - started).toBeLessThan(30_000);
  for (const nap of naps) expect(processesWith(nap)).toEqual([]);
  await expectGone(id);
});

/** What a deletion has done when its API is killed. */
const steps: Readonly<Record<string, (id: string) => Promise<boolean>>> = {
  // Whoever looks too late finds more done, never less: then the deletion is simply repeated.
  'the session is aborted': async (id) => ((await store.sessions.find(id))?.state ?? 'FAILED') === 'FAILED',
  'its files are gone': async (id) => !existsSync(join(setting.holdfast.dataDir, 'work', id)),
  'its records are gone': async (id) => (await store.sessions.find(id)) === undefined,
};

test.each(Object.entries(steps))(
  'a deletion whose API is killed when %s is finished when it is repeated',
  async (name, done) => {
    const { holdfast } = setting;
    const id = await begin(`killed-${name.replaceAll(' ', '-')}`, 'endless');
    await until(async () => (await holdfast.session(id)).usage.turns >= 3);
    const deleting = remove(id).catch(() => undefined);
    while (!(await done(id))) await new Promise((resolve) => setImmediate(resolve));
    await holdfast.kill('api');
    await deleting;
    await until(() => holdfast.isReady());
    expect((await remove(id)).status).toBe(204);
    await expectGone(id);
  },
);

test('a deletion while no worker is there ends the workflow all the same, and the next worker leaves the session alone', async () => {
  const { holdfast } = setting;
  const id = await begin('no-worker', 'endless');
  await until(async () => (await holdfast.session(id)).usage.turns >= 2);
  process.kill(holdfast.pid('worker'), 'SIGSTOP');
  try {
    expect((await remove(id)).status).toBe(204);
  } finally {
    process.kill(holdfast.pid('worker'), 'SIGCONT');
  }
  await expectGone(id); // A worker that nobody could reach ends what it was at when it hears of it.
}, 120_000);

test('a deletion while Temporal is away is refused with nothing removed, and works when it is back', async () => {
  const { holdfast } = setting;
  const id = await begin('no-temporal', 'asks');
  await until(async () => (await stageOf(id)) === 'awaiting_input');
  const pid = holdfast.pid('temporal');
  process.kill(pid, 'SIGSTOP');
  try {
    const refused = await remove(id);
    expect([refused.status, refused.body.error.code]).toEqual([503, 'TEMPORAL_UNAVAILABLE']);
    expect((await holdfast.session(id)).state).toBe('PREFLIGHT');
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await until(() => holdfast.isReady());
  expect((await remove(id)).status).toBe(204);
  await expectGone(id);
}, 120_000);
