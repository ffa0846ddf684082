import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { createClient } from '../../src/temporal/connection.ts';
import { LOG, TURNS } from '../support/delegation.ts';
import { until, type ProcessName } from '../support/holdfast.ts';
import { startSecondWorker } from '../support/second-worker.ts';
import { startSetting, type Setting } from '../support/scripted-setting.ts';
import { LINES } from '../e2e/scenarios.ts';

let setting: Setting;
beforeAll(async () => {
  setting = await startSetting({ TURNS_PER_CHUNK: '5' });
});
afterAll(() => setting.stop());

const expected = Array.from({ length: LINES }, (_, index) => `${index}\n`).join('');

/** Successful requests for turns of a session, by turn: each session has a repository and a key of its own, but shares the scenario. */
async function turnRequests(since: number): Promise<Map<number, number>> {
  const counts = new Map<number, number>();
  for (const { asked, turn, outcome, at } of await setting.model.journal()) {
    if (asked === 'turn' && outcome === 'ok' && at >= since) counts.set(turn, (counts.get(turn) ?? 0) + 1);
  }
  return counts;
}

/** Kills processes in the middle of a session and brings back what does not come back by itself; then the session must be whole. */
async function survives(name: string, kill: () => Promise<void>, kills: number): Promise<void> {
  const { holdfast, git, request, fileAt, remoteSha, webhooks } = setting;
  const since = Date.now();
  const repoUrl = await git.createRepository(name, { 'README.md': '# sample\n' });
  const id = await holdfast.create(request('lines', repoUrl));
  await until(async () => (await holdfast.session(id)).usage.turns >= 4, 60_000);
  await kill();
  const done = await holdfast.reach(id, 'COMPLETE', 'FAILED');
  expect(done).toMatchObject({ state: 'COMPLETE', usage: { turns: LINES + 1 } });
  expect(fileAt(name, done.result.branch, 'lines.txt')).toBe(expected);
  expect(remoteSha(name, done.result.branch)).toBe(done.result.commit);
  const counts = await turnRequests(since);
  expect([...counts.keys()].toSorted((a, b) => a - b)).toEqual(Array.from({ length: LINES + 1 }, (_, index) => index));
  const extra = [...counts.values()].reduce((sum, count) => sum + count - 1, 0);
  expect(extra).toBeLessThanOrEqual(kills);
  const events = (await holdfast.call('GET', `/api/sessions/${id}/events`)).body.data.items as { seq: number }[];
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  await until(() =>
    webhooks.received.some(({ payload }) => payload.session_id === id && payload.status === 'completed'),
  );
  const mine = webhooks.received.filter(({ payload }) => payload.session_id === id);
  expect(mine.every(({ verified }) => verified)).toBe(true);
  const bodies = new Map(mine.map(({ id: webhook, body }) => [webhook, body]));
  expect(mine.every(({ id: webhook, body }) => bodies.get(webhook) === body)).toBe(true);
}

test('a session survives kill -9 of its worker', async () => {
  await survives('kill-worker', () => setting.holdfast.kill('worker'), 1);
});

test('a session survives kill -9 of its worker inside of a sub-agent, and goes on inside', async () => {
  const { holdfast, git, request, fileAt, model } = setting;
  const repoUrl = await git.createRepository('delegates', { 'README.md': '#\n' });
  const skillText = '---\nname: s\ndescription: d\nrequired_tools: [bash, task]\n---\nDelegate.\n';
  const id = await holdfast.create(request('delegates', repoUrl, { skillText }));
  // The first turn is the agent's, the next three are a sub-agent's.
  await until(async () => (await holdfast.session(id)).usage.turns >= 2, 60_000);
  await holdfast.kill('worker');
  const done = await holdfast.reach(id, 'COMPLETE', 'FAILED');
  expect(done).toMatchObject({ state: 'COMPLETE', usage: { turns: TURNS } });
  expect(fileAt('delegates', done.result.branch, 'log.txt')).toBe(LOG);
  const requests = (await model.journal()).filter(
    ({ scenario, asked }) => scenario === 'delegates' && asked === 'turn',
  );
  expect(new Set(requests.map(({ bodySha256 }) => bodySha256)).size).toBe(TURNS);
  expect(requests.length - TURNS).toBeLessThanOrEqual(1);
  const { items } = (await holdfast.call('GET', `/api/sessions/${id}/artifacts`)).body.data;
  const names = (items as { name: string }[]).map(({ name }) => name);
  const tasks = names.flatMap((name) => /^tasks\/(.*)\/snapshot.json$/.exec(name)?.[1] ?? []);
  expect(tasks).toHaveLength(3);
  for (const task of tasks) {
    expect(names).toContain(`tasks/${task}/transcript.jsonl`);
    expect((await holdfast.call('GET', `/api/sessions/${id}/transcript?task=${task}`)).status).toBe(200);
  }
});

test('a session survives kill -9 of the API', async () => {
  const { holdfast } = setting;
  const kill = async () => {
    await holdfast.kill('api');
    await until(() => holdfast.isReady());
  };
  await survives('kill-api', kill, 0);
});

test('a session survives kill -9 of Temporal, which comes back on its database', async () => {
  await survives('kill-temporal', () => setting.holdfast.kill('temporal'), 1);
});

test('a session survives kill -9 of everything at once, and goes on by itself after a start', async () => {
  const { holdfast } = setting;
  const kill = async () => {
    const all: ProcessName[] = ['main', 'worker', 'api', 'temporal'];
    await holdfast.kill(...all);
    await holdfast.start();
  };
  await survives('kill-everything', kill, 1);
});

test('a session survives a worker that is killed again and again', async () => {
  const { holdfast } = setting;
  const kill = async () => {
    for (const _ of [1, 2, 3]) {
      const dead = holdfast.pid('worker');
      await holdfast.kill('worker');
      await until(() => holdfast.pid('worker') !== dead);
      const ready = holdfast.log().split('worker ready').length;
      await until(() => holdfast.log().split('worker ready').length > ready);
    }
  };
  await survives('kill-often', kill, 3);
});

test('a session survives a worker that dies and loses its whole working directory', async () => {
  const { holdfast } = setting;
  const kill = async () => {
    await holdfast.kill('worker');
    rmSync(join(holdfast.dataDir, 'work'), { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  };
  await survives('lost-files', kill, 1);
});

test('SIGTERM drains, and the session goes on after the next start', async () => {
  const { holdfast } = setting;
  const kill = async () => {
    await holdfast.drain();
    await holdfast.start();
  };
  await survives('drained', kill, 0);
});

/** The pid of the worker that is at a chunk of a session. */
async function workerAtWork(client: Client): Promise<number> {
  for await (const { workflowId } of client.workflow.list({ query: "ExecutionStatus = 'Running'" })) {
    if (!workflowId.startsWith('session/')) continue;
    const { raw } = await client.workflow.getHandle(workflowId).describe();
    const chunk = raw.pendingActivities?.find(({ activityType }) => activityType?.name === 'runChunk');
    const pid = Number(chunk?.lastWorkerIdentity?.split(':')[4]);
    if (pid > 0) return pid;
  }
  return 0;
}

test('of two workers that share only records and blobs one is killed, and the other goes on within 20 seconds', async () => {
  const { holdfast, model } = setting;
  const second = await startSecondWorker(holdfast);
  const client = createClient({ connectionOptions: { address: holdfast.temporalAddress }, namespace: 'default' });
  onTestFinished(async () => {
    process.kill(holdfast.pid('main'), 'SIGCONT');
    await client.connection.close();
    await second.stop();
  });
  let killedAt = 0;
  const kill = async () => {
    process.kill(holdfast.pid('main'), 'SIGSTOP'); // It would start its worker again.
    let pid = 0;
    await until(async () => (pid = await workerAtWork(client)) > 0);
    process.kill(pid, 'SIGKILL');
    killedAt = Date.now();
  };
  await survives('two-workers', kill, 1);
  const next = (await model.journal()).find(({ at }) => at > killedAt);
  expect((next?.at ?? Infinity) - killedAt).toBeLessThan(20_000);
});
