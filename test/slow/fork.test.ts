import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openStore } from '../../src/store/store.ts';
import { until, type Answer } from '../support/holdfast.ts';
import { canaries, startSetting, type Setting } from '../support/scripted-setting.ts';
import { LINES } from '../e2e/scenarios.ts';

let setting: Setting;
beforeAll(async () => {
  setting = await startSetting({ TURNS_PER_CHUNK: '4' });
});
afterAll(() => setting.stop());

const lines = Array.from({ length: LINES }, (_, index) => `${index}\n`).join('');
const credentials = { gitUsername: 'git', gitToken: canaries.gitToken };

async function begin(name: string, scenario: string, changes: object = {}): Promise<string> {
  const url = await setting.git.createRepository(name, { 'README.md': '# sample\n' });
  return setting.holdfast.create(setting.request(scenario, url, changes));
}

const post = (id: string, what: string, body: object = {}): Promise<Answer> =>
  setting.holdfast.call('POST', `/api/sessions/${id}/${what}`, body);

async function fork(id: string, body: object = {}): Promise<string> {
  const answer = await post(id, 'fork', body);
  expect(answer.status).toBe(201);
  return answer.body.data.sessionId as string;
}

const requestsOf = async (scenario: string, asked: string): Promise<number> =>
  (await setting.model.journal()).filter((request) => request.scenario === scenario && request.asked === asked).length;

test.concurrent('a fork of a finished session goes on from its checkpoint to a commit of its own on the same base', async () => {
  const { fileAt, holdfast, remoteSha } = setting;
  const id = await begin('finished', 'lines-finished');
  const whole = await holdfast.reach(id, 'COMPLETE', 'FAILED');
  const before = await requestsOf('lines-finished', 'turn');
  const store = openStore({ directory: join(holdfast.dataDir, 'sessions') });
  await until(async () => (await store.secrets.get(id, 'git.token')) === undefined); // It goes a moment after the end is announced.
  store.close();
  expect((await post(id, 'fork')).body.error.code).toBe('REPOSITORY_AUTH_FAILED');
  const forked = await fork(id, { checkpoint: 3, credentials });
  const done = await holdfast.reach(forked, 'COMPLETE', 'FAILED');
  expect(done).toMatchObject({
    state: 'COMPLETE',
    parent: { sessionId: id, turn: 3 },
    usage: { turns: LINES + 1 - 3 },
  });
  expect(done.result).toMatchObject({ tree: whole.result.tree, branch: `feat/ai-task-${forked.slice(4)}` });
  expect(remoteSha('finished', whole.result.branch)).toBe(whole.result.commit);
  expect(remoteSha('finished', done.result.branch)).toBe(done.result.commit);
  expect(fileAt('finished', done.result.branch, 'lines.txt')).toBe(lines);
  // No contract is bought again, and the turns up to the checkpoint are not either.
  expect(await requestsOf('lines-finished', 'contract')).toBe(1);
  expect((await requestsOf('lines-finished', 'turn')) - before).toBe(LINES + 1 - 3);

  const snapshotOf = async (of: string) => (await holdfast.call('GET', `/api/sessions/${of}/snapshot`)).body.data;
  const [parents, own] = [await snapshotOf(id), await snapshotOf(forked)];
  expect(own.digest).not.toBe(parents.digest);
  expect(own.snapshot).toEqual({
    ...parents.snapshot,
    sessionId: forked,
    branch: done.result.branch,
    createdAt: expect.any(Number),
    parent: { ...own.snapshot.parent, sessionId: id, turn: 3, digest: parents.digest, prompt: null },
  });
  const events = (await holdfast.call('GET', `/api/sessions/${forked}/events`)).body.data.items as { seq: number }[];
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  await until(() =>
    setting.webhooks.received.some(({ payload }) => payload.session_id === forked && payload.status === 'completed'),
  );
  const mine = setting.webhooks.received.filter(({ payload }) => payload.session_id === forked);
  expect(mine.every(({ verified }) => verified)).toBe(true);
});

test.concurrent('forks of a live session and of a paused one get tasks of their own, and nobody disturbs the others', async () => {
  const { fileAt, holdfast } = setting;
  const id = await begin('colours', 'colours');
  await until(async () => (await holdfast.session(id)).usage.turns >= 2);
  const red = await fork(id, { checkpoint: 2, userPrompt: 'Paint it red.' });
  await post(id, 'pause');
  await holdfast.reach(id, 'PAUSED');
  const blue = await fork(id, { checkpoint: 1, userPrompt: 'Paint it blue.' });
  for (const [session, colour, turns] of [
    [red, 'red', '0\n1\n'],
    [blue, 'blue', '0\n'],
  ] as const) {
    const done = await holdfast.reach(session, 'COMPLETE', 'FAILED');
    expect(done.state).toBe('COMPLETE');
    expect(fileAt('colours', done.result.branch, 'colour.txt')).toBe(`${colour}\n`);
    expect(fileAt('colours', done.result.branch, 'turns.txt')).toBe(turns);
  }
  expect((await holdfast.session(id)).state).toBe('PAUSED');
  await post(id, 'resume');
  const done = await holdfast.reach(id, 'COMPLETE', 'FAILED');
  expect(fileAt('colours', done.result.branch, 'colour.txt')).toBe(null);
});

test.concurrent('a fork lives on when its parent is deleted', async () => {
  const { holdfast, fileAt } = setting;
  const id = await begin('orphaned', 'lines');
  await until(async () => (await holdfast.session(id)).usage.turns >= 4);
  const forked = await fork(id, { checkpoint: 4, limits: { maxSteps: 2 } });
  expect((await holdfast.call('DELETE', `/api/sessions/${id}`)).status).toBe(204);
  const paused = await holdfast.reach(forked, 'PAUSED', 'FAILED', 'COMPLETE');
  expect(paused).toMatchObject({ pause: { code: 'BUDGET_REACHED' }, usage: { turns: 2 } });
  const store = openStore({ directory: join(holdfast.dataDir, 'sessions') });
  expect((await store.journal.packs(forked)).length).toBe(6);
  store.close();
  await post(forked, 'resume', { limits: { maxSteps: 50 } });
  const done = await holdfast.reach(forked, 'COMPLETE', 'FAILED');
  expect(done).toMatchObject({ state: 'COMPLETE', usage: { turns: LINES + 1 - 4 } });
  expect(fileAt('orphaned', done.result.branch, 'lines.txt')).toBe(lines);
});

test.concurrent('a failed session is forked from before its mistake', async () => {
  const { holdfast, fileAt } = setting;
  const id = await begin('failed', 'last-words');
  expect((await holdfast.reach(id, 'COMPLETE', 'FAILED')).failure.code).toBe('NO_RESULT');
  const forked = await fork(id, { checkpoint: 1, userPrompt: 'Hand it in.', credentials });
  const done = await holdfast.reach(forked, 'COMPLETE', 'FAILED');
  expect(done.state).toBe('COMPLETE');
  expect(fileAt('failed', done.result.branch, 'work.txt')).toBe('some\n');
});
