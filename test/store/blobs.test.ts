import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { blobId, FileBlobs } from '../../src/store/blobs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

test('a blob is stored under the SHA-256 of its content, once', async () => {
  const root = temporaryDirectory();
  const blobs = new FileBlobs(root);
  const id = await blobs.put('hello');
  expect(id).toBe('sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824');
  await Promise.all([blobs.put('hello'), blobs.put(Buffer.from('hello'))]);
  expect((await blobs.get(id)).toString()).toBe('hello');
  expect(readdirSync(join(root, '2c'))).toHaveLength(1);
});

test('a changed blob is refused when it is read', async () => {
  const root = temporaryDirectory();
  const blobs = new FileBlobs(root);
  const id = await blobs.put('hello');
  writeFileSync(join(root, '2c', id.slice('sha256:'.length)), 'hellO');
  await expect(blobs.get(id)).rejects.toMatchObject({ code: 'SNAPSHOT_TAMPERED' });
});

test('what a process that was killed had half written goes with the next start; what others are writing stays', async () => {
  const root = temporaryDirectory();
  const incoming = join(root, 'incoming');
  const { pid: dead } = spawnSync(process.execPath, ['--version']);
  const theirs = [`${hostname()}:${process.pid}:b`, `elsewhere:${dead}:c`];
  mkdirSync(incoming);
  for (const name of [`${hostname()}:${dead}:a`, ...theirs]) writeFileSync(join(incoming, name), 'torn');
  await new FileBlobs(root).put('hello');
  expect(readdirSync(incoming).toSorted()).toEqual(theirs.toSorted());
});

test('what is not a blob id never becomes a path', async () => {
  const blobs = new FileBlobs(temporaryDirectory());
  await expect(blobs.get('sha256:../../etc/passwd')).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
  await expect(blobs.get(blobId('missing'))).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
});
