import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { blobId } from '../../src/store/blobs.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { sampleSession } from '../support/sample-task.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

async function storeWith(...ids: string[]): Promise<{ store: Store; stored: () => string[] }> {
  const directory = temporaryDirectory();
  const store = openStore({ directory });
  onTestFinished(() => store.close());
  for (const id of ids) await store.sessions.create(sampleSession(id));
  const stored = () =>
    readdirSync(join(directory, 'blobs'), { recursive: true, withFileTypes: true })
      .filter((file) => file.isFile())
      .map(({ name }) => `sha256:${name}`)
      .toSorted();
  return { store, stored };
}

test('bytes stay as long as one session claims them, and go with the last one', async () => {
  const { store, stored } = await storeWith('ses_a', 'ses_b');
  const own = await store.blobs.put('ses_a', 'own');
  const shared = await store.blobs.put('ses_a', 'shared');
  await store.artifacts.put('ses_b', 'name', 'text/plain', 'shared', 0);
  expect(stored()).toEqual([own, shared].toSorted());
  await store.sessions.delete('ses_a');
  await store.blobs.sweep();
  expect(stored()).toEqual([shared]);
  await store.sessions.delete('ses_b');
  await store.blobs.sweep();
  expect(stored()).toEqual([]);
});

test('bytes that are stored again between a deletion and its sweep stay', async () => {
  const { store, stored } = await storeWith('ses_a', 'ses_b');
  const blob = await store.blobs.put('ses_a', 'the same work');
  await store.sessions.delete('ses_a');
  await store.blobs.put('ses_b', 'the same work');
  await store.blobs.sweep();
  expect(stored()).toEqual([blob]);
});

test('what a deletion left that was killed before its sweep is removed by the next one, however much it is', async () => {
  const { store, stored } = await storeWith('ses_a');
  for (let index = 0; index < 230; index += 1) await store.blobs.put('ses_a', `blob ${index}`);
  await store.sessions.delete('ses_a');
  expect(stored()).toHaveLength(230);
  await store.blobs.sweep();
  expect(stored()).toEqual([]);
});

test('nothing is stored for a session that has been deleted, and nothing twice', async () => {
  const { store, stored } = await storeWith('ses_a');
  await store.blobs.put('ses_a', 'bytes');
  expect(await store.blobs.put('ses_a', 'bytes')).toBe(blobId('bytes'));
  await store.sessions.delete('ses_a');
  await expect(store.blobs.put('ses_a', 'late')).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' });
  await store.blobs.sweep();
  expect(stored()).toEqual([]);
});
