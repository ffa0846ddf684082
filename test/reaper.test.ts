import { execFileSync } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { workSecrets } from '../src/domain/task.ts';
import { Reaper } from '../src/reaper.ts';
import { FileBlobs } from '../src/store/blobs.ts';
import { openStore } from '../src/store/store.ts';
import { holdfast, listen } from './cli/setting.ts';
import { api } from './api/setting.ts';
import { sampleSession } from './support/sample-task.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';

const left = {
  sessionId: 'ses_ended',
  repository: 'https://git.test/a.git',
  branch: 'feat/ai-task-ended',
  commits: [],
};
const branches = { list: async () => [left], remove: async () => null };

/** A server's directories with a live session, one that has ended, one that is deleted, and what a kill can leave. */
async function setting() {
  const dataDir = temporaryDirectory();
  const directories = {
    dataDir,
    sessionsDir: join(dataDir, 'sessions'),
    workingDir: join(dataDir, 'work'),
    agentDir: join(dataDir, 'agent'),
  };
  const store = openStore({ directory: directories.sessionsDir });
  onTestFinished(() => store.close());
  for (const id of ['ses_live', 'ses_ended']) await store.sessions.create(sampleSession(id));
  const change = { rev: 1, state: 'COMPLETE', stage: 'completed', pause: null, at: 1 } as const;
  await store.sessions.announce('ses_ended', change);
  const claimed = await store.blobs.put('ses_ended', 'b'.repeat(20_000));
  const orphan = await new FileBlobs(join(directories.sessionsDir, 'blobs')).put('o'.repeat(30_000));
  for (const name of ['ses_live', 'ses_ended', 'ses_deleted', 'ses_deleted.new', 'mirrors/a.git']) {
    mkdirSync(join(directories.workingDir, name), { recursive: true });
    writeFileSync(join(directories.workingDir, name, 'file'), 'x'.repeat(10_000));
  }
  linkSync(join(directories.workingDir, 'ses_live', 'file'), join(directories.workingDir, 'ses_live', 'again'));
  writeFileSync(join(dataDir, 'temporal.db'), 't'.repeat(50_000));
  mkdirSync(join(dataDir, 'cache'));
  writeFileSync(join(dataDir, 'cache', 'workflows.js'), 'c');
  const du = () => Number(execFileSync('du', ['-s', '--block-size=1', dataDir], { encoding: 'utf8' }).split('\t')[0]);
  return {
    store,
    directories,
    claimed,
    orphan,
    du,
    reaper: new Reaper(store, branches, { ...directories, sessionKeepMs: null }),
  };
}

test('a dry run explains every byte, as du counts them, and removes nothing', async () => {
  const { reaper, du } = await setting();
  const before = du();
  const { items, total, sessions, orphanedBlobs, removed } = await reaper.reap({ dryRun: true });
  expect(total).toBe(before);
  expect(du()).toBe(before);
  expect({ sessions: sessions.toSorted(), orphanedBlobs, removed }).toEqual({
    sessions: ['ses_deleted', 'ses_ended'],
    orphanedBlobs: 1,
    removed: false,
  });
  const kinds = ['blobs', 'caches', 'files of ended sessions', 'files of live sessions', 'master keys', 'mirrors'];
  expect(items.map(({ kind }) => kind).toSorted()).toEqual(
    [...kinds, 'orphaned blobs', 'other', 'records', 'temporal'].toSorted(),
  );
  expect(items.find(({ kind }) => kind === 'orphaned blobs')).toMatchObject({ files: 1 });
});

test('what nobody needs goes, and all the rest stays; doing it again finds nothing', async () => {
  const { claimed, directories, orphan, reaper, store } = await setting();
  expect(await reaper.reap({ dryRun: false })).toMatchObject({ removed: true, orphanedBlobs: 1 });
  const after = await reaper.reap({ dryRun: false });
  expect(after).toMatchObject({ sessions: [], orphanedBlobs: 0 });
  expect(after.items.map(({ kind }) => kind)).not.toContain('files of ended sessions');
  expect(existsSync(join(directories.workingDir, 'ses_live', 'file'))).toBe(true);
  expect(existsSync(join(directories.workingDir, 'mirrors', 'a.git', 'file'))).toBe(true);
  expect((await store.blobs.get(claimed)).length).toBe(20_000);
  await expect(store.blobs.get(orphan)).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
});

test('sessions that ended longer ago than they are kept go with their records, secrets and blobs; live ones never', async () => {
  const { claimed, directories, store } = await setting();
  await store.secrets.put('ses_ended', 'webhook.secret', 'value-of-it');
  const old = new Reaper(store, branches, { ...directories, sessionKeepMs: 60_000 });
  expect((await old.reap({ dryRun: true })).expired).toEqual(['ses_ended']);
  expect(await store.sessions.find('ses_ended')).toBeDefined();
  expect((await old.reap({ dryRun: false })).expired).toEqual(['ses_ended']);
  expect(await store.sessions.find('ses_ended')).toBeUndefined();
  expect((await store.keys.keys()).every(({ secrets }) => secrets === 0)).toBe(true);
  await expect(store.blobs.get(claimed)).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
  expect(await store.sessions.find('ses_live')).toBeDefined();
});

test('a session whose credentials are kept for its open pull request stays, however old, and goes once the request is closed', async () => {
  const { directories, store } = await setting();
  const url = 'https://git.test/acme/app/pulls/1';
  await store.secrets.put('ses_ended', 'git.token', 'value-of-it');
  await store.secrets.put('ses_ended', 'webhook.secret', 'value-of-another');
  await store.pullRequests.note({ url, sessionId: 'ses_ended', head: 'c', viewer: null, trigger: 'task', at: 1 });
  const reaper = new Reaper(store, branches, { ...directories, sessionKeepMs: 60_000 });
  const kept = [{ sessionId: 'ses_ended', secrets: 1, pullRequests: [url] }];
  expect(await reaper.reap({ dryRun: true })).toMatchObject({ expired: [], kept });
  expect(await reaper.reap({ dryRun: false })).toMatchObject({ expired: [], kept });
  expect(await store.secrets.get('ses_ended', 'git.token')).toBe('value-of-it');
  await store.secrets.forget('ses_ended', workSecrets); // What the forge's word of the end of the request does.
  expect(await reaper.reap({ dryRun: false })).toMatchObject({ expired: ['ses_ended'], kept: [] });
  expect(await store.sessions.find('ses_ended')).toBeUndefined();
  expect(await store.pullRequests.ofUrl(url)).toEqual([]);
});

test('what a forge has told is remembered for thirty days, and no longer', async () => {
  const { reaper, store } = await setting();
  const day = 24 * 3_600_000;
  const ages = { young: 29, old: 31 };
  for (const [id, days] of Object.entries(ages))
    await store.pullRequests.settle(id, { outcome: 'ignored' }, Date.now() - days * day);
  expect((await reaper.reap({ dryRun: true })).forgeDeliveries).toBe(1);
  expect(await store.pullRequests.outcomeOf('old')).toEqual({ outcome: 'ignored' });
  expect((await reaper.reap({ dryRun: false })).forgeDeliveries).toBe(1);
  expect(await store.pullRequests.outcomeOf('old')).toBeUndefined();
  expect(await store.pullRequests.outcomeOf('young')).toEqual({ outcome: 'ignored' });
});

test('a blob that is claimed again before it is removed stays', async () => {
  const { orphan, store } = await setting();
  const found = await store.blobs.orphans();
  expect(found).toEqual([orphan]);
  await store.blobs.put('ses_live', 'o'.repeat(30_000));
  await store.blobs.removeOrphans(found);
  expect((await store.blobs.get(orphan)).length).toBe(30_000);
});

test('the command prints the table for people and the facts for programs', async () => {
  const { reaper, du, store } = await setting();
  const request = 'https://git.test/acme/app/pulls/1';
  for (const sessionId of ['ses_ended', 'ses_live']) {
    for (const name of ['git.token', 'git.username'] as const) await store.secrets.put(sessionId, name, 'value-of-it');
    await store.pullRequests.note({ url: request, sessionId, head: 'c', viewer: null, trigger: 'task', at: 1 });
  }
  const { app } = api({ reaper });
  const { url } = await listen((request) => app.fetch(request));
  const look = holdfast(['reap', '--dry-run'], { HOLDFAST_URL: url });
  expect(await look.exit).toBe(0);
  expect(JSON.parse(look.stdout())).toMatchObject({ removed: false, total: du() });
  expect(look.stderr()).toMatch(/^files of ended sessions +\d+ bytes {2}3 files$/m);
  expect(look.stderr()).toMatch(/^together +\d+ bytes$/m);
  expect(look.stderr().match(/^kept: .*/gm)).toEqual([`kept: ses_ended with its credentials (2), for ${request}`]);
  expect(look.stderr()).toContain('left on https://git.test/a.git: feat/ai-task-ended');
  const reap = holdfast(['reap'], { HOLDFAST_URL: url });
  expect(await reap.exit).toBe(0);
  expect(JSON.parse(reap.stdout())).toMatchObject({ removed: true });
});
