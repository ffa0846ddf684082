import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hashBlobs } from '../../src/git/hash-blobs.ts';
import { openDirectory } from '../support/open-directory.ts';
import { gitSetting } from './setting.ts';

/** More files than one thread takes: empty ones, some that look like git's own headers, and one of several pieces. */
const texts = Array.from({ length: 2_300 }, (_, index) => {
  if (index % 7 === 0) return '';
  if (index % 7 === 1) return `${'a'.repeat(40)} blob 5\nhello\n${index}`;
  return index === 1_500 ? 'x'.repeat(3_000_000) : `file ${index}\n`.repeat(index % 50);
});

test('the hashes of thousands of files come from all cores, in order, whatever the files contain', async () => {
  const { git } = await gitSetting();
  const project = openDirectory();
  mkdirSync(join(project, 'deep'));
  for (const [index, text] of texts.entries()) writeFileSync(join(project, 'deep', `${index}.txt`), text);
  const { tree } = await git.prepare('ses_hash', { kind: 'directory', path: project });
  const session = git.open('ses_hash');
  const files = await session.findFiles(tree, { globs: ['**'] });
  expect(files).toHaveLength(texts.length);
  const hashed = await session.hashFiles(files);
  for (const [index, { path, sha256 }] of hashed.entries()) {
    const text = texts[Number(/(\d+)\.txt$/.exec(path)?.[1])] ?? 'none';
    expect([path, sha256]).toEqual([files[index]?.path, createHash('sha256').update(text).digest('hex')]);
  }
  const wrong = [...files.slice(0, 2_000).map(({ object }) => object), 'f'.repeat(40)];
  await expect(hashBlobs(session.gitDir, wrong)).rejects.toMatchObject({ code: 'GIT_FAILED' });
  await expect(hashBlobs(session.gitDir, ['f'.repeat(40)])).rejects.toMatchObject({ code: 'GIT_FAILED' });
});
