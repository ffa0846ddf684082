import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Delivery } from '../../src/store/deliveries.ts';
import { openStore } from '../../src/store/store.ts';
import { until } from '../support/holdfast.ts';
import { canaries, startSetting, type Setting } from '../support/scripted-setting.ts';
import { sampleTask } from '../support/sample-task.ts';
import { countRunning, processesWith } from '../support/traces.ts';
import { LINES } from '../e2e/scenarios.ts';

let setting: Setting;
beforeAll(async () => {
  setting = await startSetting({ MODEL_BACKOFF_MS: '100', TURNS_PER_CHUNK: '4' });
});
afterAll(() => setting.stop());

const files = { 'README.md': '# sample\n' };
const lines = Array.from({ length: LINES }, (_, index) => `${index}\n`).join('');
const post = (id: string, what: string, body: object = {}) =>
  setting.holdfast.call('POST', `/api/sessions/${id}/${what}`, body);

/** A session on a repository of its own. */
async function begin(name: string, scenario: string, changes: object = {}): Promise<string> {
  return setting.holdfast.create(setting.request(scenario, await setting.git.createRepository(name, files), changes));
}

const requestsOf = async (scenario: string): Promise<number> =>
  (await setting.model.journal()).filter((request) => request.scenario === scenario && request.asked === 'turn').length;

async function expectDone(name: string, id: string): Promise<void> {
  const done = await setting.holdfast.reach(id, 'COMPLETE', 'FAILED');
  expect(done.state).toBe('COMPLETE');
  expect(setting.fileAt(name, done.result.branch, 'lines.txt')).toBe(lines);
}

test.concurrent('pause waits for the end of the turn, nothing runs meanwhile, and resume goes on exactly there', async () => {
  const id = await begin('pause', 'lines-paused');
  await until(async () => (await setting.holdfast.session(id)).usage.turns >= 2);
  expect((await post(id, 'pause', { reason: 'lunch' })).status).toBe(202);
  const paused = await setting.holdfast.reach(id, 'PAUSED');
  expect(paused.pause).toMatchObject({ code: 'OPERATOR', message: 'lunch' });
  const requests = async () =>
    (await setting.model.journal()).filter(({ scenario }) => scenario === 'lines-paused').length;
  const before = await requests();
  expect((await post(id, 'pause')).status).toBe(202);
  expect((await setting.holdfast.session(id)).usage.turns).toBe(paused.usage.turns);
  expect(await requests()).toBe(before);
  expect((await post(id, 'resume')).status).toBe(202);
  await expectDone('pause', id);
  expect((await post(id, 'resume')).body.error.code).toBe('SESSION_CLOSED');
  expect((await post(id, 'abort')).status).toBe(202);
});

test.concurrent.each([
  ['a long reply', 'long-reply', 2, async (id: string) => (await setting.holdfast.session(id)).usage.turns === 1],
  ['a long command', 'long-command', 1, async () => countRunning('sleep 5') > 0],
] as const)(
  'a pause during %s holds at the end of that turn, told once or twice',
  async (_, scenario, turns, reached) => {
    const id = await begin(`pause-${scenario}`, scenario);
    await until(() => reached(id));
    expect((await post(id, 'pause')).status).toBe(202);
    expect((await post(id, 'pause')).body.data.state).toBe('EXECUTING');
    const paused = await setting.holdfast.reach(id, 'PAUSED', 'COMPLETE', 'FAILED');
    expect(paused).toMatchObject({ state: 'PAUSED', usage: { turns } });
    expect(await requestsOf(scenario)).toBe(turns);
    await post(id, 'resume');
    const done = await setting.holdfast.reach(id, 'COMPLETE', 'FAILED');
    expect(setting.fileAt(`pause-${scenario}`, done.result.branch, 'lines.txt')).toBe('0\n1\n');
    expect(await requestsOf(scenario)).toBe(done.usage.turns);
  },
);

/** Aborts and answers how long it took until the session had ended. */
async function abort(id: string): Promise<number> {
  const started = performance.now();
  expect((await post(id, 'abort', { reason: 'enough' })).status).toBe(202);
  const failed = await setting.holdfast.reach(id, 'FAILED', 'COMPLETE');
  expect(failed.failure).toMatchObject({ code: 'ABORTED', message: 'enough' });
  return performance.now() - started;
}

test.concurrent('an abort during a command ends its whole process tree within 10 s and keeps the finished work', async () => {
  const id = await begin('offspring', 'offspring', { userPrompt: 'mark 101' });
  await until(() => countRunning('sleep 99101') === 5);
  expect(await abort(id)).toBeLessThan(10_000);
  expect(processesWith('sleep 99101')).toEqual([]);
  expect(processesWith(id)).toEqual([]);
  const read = async (what: string) => (await setting.holdfast.call('GET', `/api/sessions/${id}/${what}`)).body;
  const patch = (await read('diff')) as string;
  expect(patch).toContain('kept.txt');
  expect(patch).not.toContain('lost.txt');
  expect((await read('report')).data).toMatchObject({
    outcome: 'FAILED',
    failure: { code: 'ABORTED' },
    usage: { turns: 1 },
  });
  expect(await read('transcript')).toContain('echo kept > kept.txt');
  expect((await read('checkpoints')).data.items).toHaveLength(1);
});

test.concurrent.each([
  ['a reply', 'slow-reply', {}, async (id: string) => (await setting.holdfast.session(id)).usage.turns === 1],
  [
    'its contract',
    'slow-contract',
    {},
    async (id: string) => (await setting.holdfast.session(id)).stage === 'analyzing',
  ],
  ['its checks', 'marked', { acceptance: ['sleep 99102'] }, async () => countRunning('sleep 99102') > 0],
  ['answers', 'asks', {}, async (id: string) => (await setting.holdfast.session(id)).stage === 'awaiting_input'],
] as const)('an abort of a session that waits for %s takes less than 10 s', async (_, scenario, changes, reached) => {
  const id = await begin(`abort-${scenario}`, scenario, changes);
  await until(() => reached(id), 60_000);
  expect(await abort(id)).toBeLessThan(10_000);
  if (scenario === 'marked') expect(processesWith('sleep 99102')).toEqual([]); // The others run beside it.
});

test.concurrent('a paused session is aborted, and nothing of it runs any more', async () => {
  const id = await begin('abort-paused', 'lines', { limits: { maxSteps: 2 } });
  await setting.holdfast.reach(id, 'PAUSED');
  expect(await abort(id)).toBeLessThan(10_000);
  expect((await post(id, 'pause')).body.error.code).toBe('SESSION_CLOSED');
  expect(processesWith(id)).toEqual([]);
});

test.concurrent('a reached limit pauses with nothing lost, and higher limits go on', async () => {
  const id = await begin('budget', 'lines', { limits: { maxSteps: 3 } });
  const paused = await setting.holdfast.reach(id, 'PAUSED');
  expect(paused).toMatchObject({ pause: { code: 'BUDGET_REACHED' }, usage: { turns: 3 } });
  await post(id, 'resume', { limits: { maxSteps: 50 } });
  await expectDone('budget', id);
});

test.concurrent('rate limits, server errors, cut and malformed streams of the provider are waited out', async () => {
  await setting.model.planFaults([
    { scenario: 'lines-troubled', asked: 'contract', fault: { kind: 'status', status: 500 } },
    { scenario: 'lines-troubled', asked: 'turn', turn: 1, fault: { kind: 'status', status: 429, retryAfter: 1 } },
    { scenario: 'lines-troubled', asked: 'turn', turn: 3, times: 2, fault: { kind: 'status', status: 529 } },
    { scenario: 'lines-troubled', asked: 'turn', turn: 5, fault: { kind: 'cut', afterEvents: 3 } },
    { scenario: 'lines-troubled', asked: 'turn', turn: 6, fault: { kind: 'malformed', atEvent: 2 } },
  ]);
  await expectDone('outages', await begin('outages', 'lines-troubled'));
});

test.concurrent.each(['openai', 'openai-responses'])(
  'a session with a model of its own speaks %s',
  async (provider) => {
    const model = { provider, id: 'lines', baseUrl: setting.model.url, apiKey: canaries.modelKey };
    await expectDone(`format-${provider}`, await begin(`format-${provider}`, 'lines', { model }));
  },
);

test.concurrent('a dead webhook endpoint holds nobody: it is tried again, then kept as dead', async () => {
  const id = await begin('dead-hook', 'marked', { webhook: { url: 'http://127.0.0.1:9/dead' } });
  expect((await setting.holdfast.reach(id, 'COMPLETE', 'FAILED')).state).toBe('COMPLETE');
  const store = openStore({ directory: join(setting.holdfast.dataDir, 'sessions') });
  let deliveries: Delivery[] = [];
  await until(async () => {
    deliveries = await store.deliveries.ofSession(id);
    return deliveries.length > 5 && deliveries.every(({ state }) => state === 'dead');
  }, 60_000);
  store.close();
  expect(deliveries.every(({ attempts, lastError }) => attempts === 6 && lastError !== null)).toBe(true);
});

test('a session that an API recorded and did not start before it died is started by the next one', async () => {
  const { git, holdfast } = setting;
  const url = await git.createRepository('orphan', files);
  const store = openStore({ directory: join(holdfast.dataDir, 'sessions') });
  const id = 'ses_0rphan';
  const model = { provider: 'anthropic', id: 'lines', baseUrl: setting.model.url, thinkingLevel: 'off' } as const;
  await store.sessions.create({
    id,
    tenant: 'default',
    task: sampleTask({ source: { kind: 'repository', url }, auto: true, model, branch: 'feat/orphan' }),
    createdAt: Date.now(),
    secrets: [
      store.secrets.seal({ tenant: 'default', id }, 'git.token', canaries.gitToken),
      store.secrets.seal({ tenant: 'default', id }, 'git.username', 'git'),
      store.secrets.seal({ tenant: 'default', id }, 'model.apiKey', canaries.modelKey),
    ],
    idempotency: null,
  });
  store.close();
  await holdfast.kill('api');
  await until(() => holdfast.isReady());
  await expectDone('orphan', id);
});
