import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Delivery } from '../../src/store/deliveries.ts';
import { openStore } from '../../src/store/store.ts';
import { until } from '../support/holdfast.ts';
import { canaries, startSetting, type Setting } from '../support/scripted-setting.ts';
import { sampleTask } from '../support/sample-task.ts';
import { LINES } from './scenarios.ts';

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

test.concurrent('a reached limit pauses with nothing lost, and higher limits go on', async () => {
  const id = await begin('budget', 'lines', { limits: { maxSteps: 3 } });
  const paused = await setting.holdfast.reach(id, 'PAUSED');
  expect(paused).toMatchObject({ pause: { code: 'BUDGET_REACHED' }, usage: { turns: 3 } });
  await post(id, 'resume', { limits: { maxSteps: 50 } });
  await expectDone('budget', id);
});

test.concurrent('rate limits, server errors, cut and stalled streams of the provider are waited out', async () => {
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
      store.secrets.seal(id, 'git.token', canaries.gitToken),
      store.secrets.seal(id, 'git.username', 'git'),
      store.secrets.seal(id, 'model.apiKey', canaries.modelKey),
    ],
    idempotency: null,
  });
  store.close();
  await holdfast.kill('api');
  await until(() => holdfast.isReady());
  await expectDone('orphan', id);
});
