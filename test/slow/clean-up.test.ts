import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { workBranchOf } from '../../src/domain/session.ts';
import { FileBlobs } from '../../src/store/blobs.ts';
import { until } from '../support/holdfast.ts';
import { startSetting, type Setting } from '../support/scripted-setting.ts';
import { tracesOf } from '../support/traces.ts';

/** The clean-up as a server does it by itself: by its timer, and by its configuration alone. */

const KEEP_MS = 600_000; // Nothing gets so old before the clock jumps.
const directory = mkdtempSync(join(tmpdir(), 'holdfast-clean-up-'));
const offsetFile = join(directory, 'offset');
const jump = (ms: number): void => writeFileSync(offsetFile, String(ms));

let setting: Setting;
beforeAll(async () => {
  jump(0);
  const preload = join(import.meta.dirname, '..', 'support', 'shifted-clock.ts');
  setting = await startSetting({
    SESSION_KEEP_MS: String(KEEP_MS),
    REAP_INTERVAL_MS: '1000',
    REAP_BRANCHES: 'true',
    NODE_OPTIONS: `--import=${preload}`,
    CLOCK_OFFSET_FILE: offsetFile,
  });
});
afterAll(async () => {
  await setting.stop();
  rmSync(directory, { recursive: true });
});

interface Storage {
  readonly items: readonly { readonly kind: string; readonly bytes: number }[];
  readonly total: number;
  readonly expired: readonly string[];
  readonly branches: readonly { readonly sessionId: string }[];
}

async function storage(): Promise<Storage> {
  return (await setting.holdfast.call('GET', '/api/storage')).body.data as Storage;
}

async function begin(name: string, scenario: string, end: string, changes: object = {}): Promise<string> {
  const url = await setting.git.createRepository(name, { 'README.md': `# ${name}\n`.repeat(2000) });
  const id = await setting.holdfast.create(setting.request(scenario, url, { webhook: undefined, ...changes }));
  await setting.holdfast.reach(id, end);
  return id;
}

test('the size of the data directory is explained by what is kept, and what is too old goes by itself; a live session stays', async () => {
  const { holdfast } = setting;
  const ended = await Promise.all(['one', 'two', 'three'].map((name) => begin(name, 'marked', 'COMPLETE')));
  const live = await begin('waiting', 'asks', 'PREFLIGHT');

  const { items, total, expired } = await storage();
  const du = execFileSync('du', ['-s', '--block-size=1', holdfast.dataDir], { encoding: 'utf8' });
  expect(expired).toEqual([]);
  expect(Math.abs(total - Number(du.split('\t')[0]))).toBeLessThan(0.05 * total);
  expect(items.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(total);
  const unexplained = items.find(({ kind }) => kind === 'other')?.bytes ?? 0;
  expect(unexplained).toBeLessThan(0.05 * total);

  const blobs = join(holdfast.dataDir, 'sessions', 'blobs');
  const [, hex = ''] = (await new FileBlobs(blobs).put('nobody claims it')).split(':');
  await until(() => globSync(`**/${hex}`, { cwd: blobs }).length === 0); // The timer has fired.
  for (const id of [...ended, live]) expect((await holdfast.call('GET', `/api/sessions/${id}`)).status).toBe(200);

  jump(2 * KEEP_MS);
  for (const id of ended) {
    await until(async () => (await holdfast.call('GET', `/api/sessions/${id}`)).status === 404);
    await until(async () => (await tracesOf(holdfast, id)).length === 0);
  }
  expect(await holdfast.session(live)).toMatchObject({ state: 'PREFLIGHT' });
});

test('the work branch of a session that failed goes with the session, by its age or by hand; what was delivered stays', async () => {
  const { holdfast, remoteSha } = setting;
  jump(0);
  const red = { acceptance: ['false'], limits: { maxIterations: 0 } };
  const failed = {
    old: await begin('old', 'marked', 'FAILED', red),
    removed: await begin('removed', 'marked', 'FAILED', red),
  };
  const delivered = await begin('delivered', 'marked', 'COMPLETE');
  for (const [name, id] of Object.entries(failed)) expect(remoteSha(name, workBranchOf(id))).not.toBeNull();

  const { branches } = await storage();
  expect(branches.map(({ sessionId }) => sessionId).toSorted()).toEqual(Object.values(failed).toSorted());
  expect((await holdfast.call('DELETE', `/api/sessions/${failed.removed}`)).status).toBe(204);
  expect(remoteSha('removed', workBranchOf(failed.removed))).toBeNull();

  jump(2 * KEEP_MS);
  for (const id of [failed.old, delivered])
    await until(async () => (await holdfast.call('GET', `/api/sessions/${id}`)).status === 404);
  expect(remoteSha('old', workBranchOf(failed.old))).toBeNull();
  expect(remoteSha('delivered', workBranchOf(delivered))).not.toBeNull();
});
