import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { noUsage } from '../../src/domain/usage.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { sampleSession, sampleTask } from '../support/sample-task.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const run = promisify(execFile);

function openTestStore(): Store {
  const store = openStore({ directory: temporaryDirectory() });
  onTestFinished(() => store.close());
  return store;
}

test('the same idempotency key with the same body answers the first session', async () => {
  const { sessions } = openTestStore();
  const idempotency = { key: 'k', bodySha256: 'one' };
  expect(await sessions.create(sampleSession('ses_a', { idempotency }))).toEqual({ id: 'ses_a', created: true });
  expect(await sessions.create(sampleSession('ses_b', { idempotency }))).toEqual({ id: 'ses_a', created: false });
  expect(await sessions.find('ses_b')).toBeUndefined();
});

test('the same idempotency key with another body is refused and nothing is stored', async () => {
  const { sessions } = openTestStore();
  await sessions.create(sampleSession('ses_a', { idempotency: { key: 'k', bodySha256: 'one' } }));
  const other = sampleSession('ses_b', { idempotency: { key: 'k', bodySha256: 'two' } });
  await expect(sessions.create(other)).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
  expect(await sessions.find('ses_b')).toBeUndefined();
});

test('an older announcement never overwrites a newer one', async () => {
  const { sessions } = openTestStore();
  await sessions.create(sampleSession('ses_a'));
  await sessions.announce('ses_a', { rev: 2, state: 'PREFLIGHT', stage: 'ready', pause: null, at: 2 });
  await sessions.announce('ses_a', { rev: 1, state: 'INIT', stage: 'cloning', pause: null, at: 1 });
  expect(await sessions.get('ses_a')).toMatchObject({ rev: 2, state: 'PREFLIGHT', stage: 'ready', updatedAt: 2 });
});

test('what the calls for the contract have used is added up; of a session from before it was counted nothing is known', async () => {
  const directory = temporaryDirectory();
  const store = openStore({ directory });
  onTestFinished(() => store.close());
  const { sessions } = store;
  await sessions.create(sampleSession('ses_a'));
  await sessions.create(sampleSession('ses_old'));
  expect((await sessions.get('ses_a')).contractUsage).toEqual(noUsage);
  const call = { ...noUsage, inputTokens: 100, costUsd: 0.5, wallMs: 7 };
  await Promise.all([sessions.addContractUsage('ses_a', call), sessions.addContractUsage('ses_a', call)]);
  expect((await sessions.get('ses_a')).contractUsage).toEqual({ ...call, inputTokens: 200, costUsd: 1, wallMs: 14 });
  const db = new DatabaseSync(join(directory, 'records.db'));
  db.exec("UPDATE sessions SET contract_usage_json = NULL WHERE id = 'ses_old'");
  db.close();
  expect((await sessions.get('ses_old')).contractUsage).toBeNull();
});

test('the list is newest first, filtered, and goes on after a given session', async () => {
  const { sessions } = openTestStore();
  for (const [index, label] of ['red', 'blue', 'red'].entries()) {
    const task = sampleTask({ labels: [label] });
    await sessions.create(sampleSession(`ses_${index}`, { createdAt: index, task }));
  }
  const ids = async (filter: object) =>
    (await sessions.list({ tenant: 'default', limit: 10, ...filter })).map(({ id }) => id);
  expect(await ids({})).toEqual(['ses_2', 'ses_1', 'ses_0']);
  expect(await ids({ label: 'red' })).toEqual(['ses_2', 'ses_0']);
  expect(await ids({ after: { createdAt: 2, id: 'ses_2' }, limit: 1 })).toEqual(['ses_1']);
  expect(await ids({ state: 'COMPLETE' })).toEqual([]);
});

test('a deleted session leaves no row in any table, and deleting it again is no fault', async () => {
  const store = openTestStore();
  await store.sessions.create(sampleSession('ses_a', { idempotency: { key: 'k', bodySha256: 'one' } }));
  await store.secrets.put('ses_a', 'git.token', 'canary');
  await store.events.append('ses_a', { key: 'k', type: 'started', state: 'INIT', stage: 'pending', at: 0, data: {} });
  await store.sessions.delete('ses_a');
  await store.sessions.delete('ses_a');
  expect(await store.secrets.get('ses_a', 'git.token')).toBeUndefined();
  expect(await store.events.list('ses_a')).toEqual([]);
  const again = sampleSession('ses_b', { idempotency: { key: 'k', bodySha256: 'two' } });
  expect(await store.sessions.create(again)).toMatchObject({ created: true });
});

test('several processes on one file see one truth', async () => {
  const directory = temporaryDirectory();
  const store = openStore({ directory });
  onTestFinished(() => store.close());
  await store.sessions.create(sampleSession('ses_a'));
  const claimer = join(import.meta.dirname, 'claimer.ts');
  await Promise.all([1, 2, 3].map(() => run(process.execPath, [claimer, directory, 'ses_a', '20'])));
  expect((await store.journal.claim('ses_a')).epoch).toBe(61);
});

test('sessions that have ended lately are known: their workflows may still be telling of it', async () => {
  const store = openStore({ directory: temporaryDirectory() });
  onTestFinished(() => store.close());
  const end = { rev: 1, stage: 'completed', pause: null } as const;
  for (const id of ['ses_live', 'ses_old', 'ses_new', 'ses_failed']) await store.sessions.create(sampleSession(id));
  await store.sessions.announce('ses_old', { ...end, state: 'COMPLETE', at: 5 });
  await store.sessions.announce('ses_new', { ...end, state: 'COMPLETE', at: 20 });
  await store.sessions.announce('ses_failed', { ...end, state: 'FAILED', at: 30 });
  await store.sessions.announce('ses_live', { ...end, state: 'EXECUTING', stage: 'coding', at: 40 });
  expect(await store.sessions.endedSince(10)).toEqual(['ses_new', 'ses_failed']);
});
