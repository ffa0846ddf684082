import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, fsyncSync, globSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClient } from '../../src/temporal/connection.ts';
import { viewQuery } from '../../src/workflows/messages.ts';
import { until } from '../support/holdfast.ts';
import { startSetting, type Setting } from '../support/scripted-setting.ts';
import { LINES } from '../e2e/scenarios.ts';

/** Only root may mount a disk that is small enough to be filled. */
const canMount = process.geteuid?.() === 0;
const BLOBS_BYTES = 2 * 2 ** 20;
const RECORDS_BYTES = 8 * 2 ** 20;

const sessionsDir = mkdtempSync(join(tmpdir(), 'holdfast-disk-'));
const blobsDir = join(sessionsDir, 'blobs');
let setting: Setting;
beforeAll(async () => {
  if (!canMount) return;
  mount(sessionsDir, RECORDS_BYTES);
  mkdirSync(blobsDir);
  mount(blobsDir, BLOBS_BYTES);
  setting = await startSetting({ SESSIONS_DIR: sessionsDir, TURNS_PER_CHUNK: '4' });
});
afterAll(async () => {
  if (!canMount) return;
  await setting.stop();
  for (const directory of [blobsDir, sessionsDir]) execFileSync('umount', [directory]);
  rmSync(sessionsDir, { recursive: true });
});

function mount(directory: string, bytes: number): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', directory]);
}

/** Fills a disk to its last byte; answers how to empty it again. */
function fill(directory: string): () => void {
  const path = join(directory, 'filler');
  const file = openSync(path, 'w');
  let isFull = false;
  for (let bytes = 65_536; bytes >= 1; bytes = isFull ? bytes / 2 : bytes) {
    try {
      writeSync(file, Buffer.alloc(bytes));
      fsyncSync(file);
    } catch (error) {
      expect(error).toMatchObject({ code: 'ENOSPC' });
      isFull = true;
    }
  }
  closeSync(file);
  return () => rmSync(path);
}

async function begin(name: string): Promise<string> {
  const { git, holdfast, request } = setting;
  const id = await holdfast.create(request('lines', await git.createRepository(name, { 'README.md': '# x\n' })));
  await until(async () => (await holdfast.session(id)).usage.turns >= 2, 60_000);
  return id;
}

/** The session ends as if nothing had been, with at most one reply bought twice. */
async function expectWhole(name: string, id: string, since: number): Promise<void> {
  const done = await setting.holdfast.reach(id, 'COMPLETE', 'FAILED');
  expect(done).toMatchObject({ state: 'COMPLETE', usage: { turns: LINES + 1 } });
  const lines = Array.from({ length: LINES }, (_, index) => `${index}\n`).join('');
  expect(setting.fileAt(name, done.result.branch, 'lines.txt')).toBe(lines);
  const asked = (await setting.model.journal()).filter((entry) => entry.asked === 'turn' && entry.at >= since);
  expect(asked.length).toBeLessThanOrEqual(LINES + 2);
}

test.skipIf(!canMount)(
  'a full disk of the blobs pauses the session with that reason, and an emptied one lets it go on by itself',
  async () => {
    const since = Date.now();
    const id = await begin('full-blobs');
    const empty = fill(blobsDir);
    const paused = await setting.holdfast.reach(id, 'PAUSED');
    expect(paused.pause).toMatchObject({ code: 'STORAGE_FAILED', message: expect.stringContaining('ENOSPC') });
    expect(paused.pause.remedy).toContain('space');
    expect(globSync('**/*.tmp', { cwd: blobsDir })).toEqual([]);
    empty();
    await expectWhole('full-blobs', id, since);
  },
);

test.skipIf(!canMount)('resume goes on at once when the disk is writable again', async () => {
  const since = Date.now();
  const id = await begin('read-only-blobs');
  await until(() => spawnSync('mount', ['-o', 'remount,ro', blobsDir]).status === 0); // Not while a blob is being written.
  const paused = await setting.holdfast.reach(id, 'PAUSED');
  expect(paused.pause).toMatchObject({ code: 'STORAGE_FAILED', message: expect.stringContaining('EROFS') });
  execFileSync('mount', ['-o', 'remount,rw', blobsDir]);
  expect((await setting.holdfast.call('POST', `/api/sessions/${id}/resume`, {})).status).toBe(202);
  await expectWhole('read-only-blobs', id, since);
});

test.skipIf(!canMount)(
  'records that cannot be written wedge nobody: the workflow pauses, and all is told when they can be',
  async () => {
    const { holdfast } = setting;
    const since = Date.now();
    const id = await begin('full-records');
    const empty = [fill(sessionsDir), fill(blobsDir)];
    const client = createClient({ connectionOptions: { address: holdfast.temporalAddress }, namespace: 'default' });
    const handle = client.workflow.getHandle(`session/${id}`);
    await until(async () => (await handle.query(viewQuery)).pause?.code === 'STORAGE_FAILED', 90_000);
    const { historyLength } = await handle.describe();
    expect((await holdfast.call('GET', `/api/sessions/${id}`)).status).toBe(200);
    const refused = await holdfast.call('POST', '/api/sessions', {
      userPrompt: 'x',
      source: { repoUrl: await setting.git.createRepository('refused', { a: 'b' }), credentials: { token: 'x' } },
    });
    expect([503, 422]).toContain(refused.status);
    for (const make of empty) make();
    await expectWhole('full-records', id, since);
    const events = (await holdfast.call('GET', `/api/sessions/${id}/events`)).body.data.items as {
      seq: number;
      state: string;
    }[];
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(events.filter(({ state }) => state === 'PAUSED')).toHaveLength(1);
    expect(historyLength).toBeLessThan(200);
    await client.connection.close();
  },
);
