import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { credentials, gitSetting } from './setting.ts';

const files = { 'a.txt': 'one\n', 'b/c.txt': 'two\n', 'b/same.txt': 'one\n' };
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const wanted = Object.entries(files).map(([path, text]) => ({ path, sha256: sha256(text) }));

/** A session on a repository, with its hashes, and the file in the mirror that remembers them. */
async function hashed() {
  const { git, server, directory } = await gitSetting();
  const source = { kind: 'repository', url: await server.createRepository('app', files) } as const;
  const hashesOf = async (id: string, pattern = '**') => {
    const { tree } = await git.prepare(id, source, credentials);
    return git.open(id).hashFiles(await git.open(id).findFiles(tree, { globs: [pattern] }));
  };
  const memory = () => globSync(join(directory, 'mirrors', '*', 'holdfast-sha256'))[0] ?? 'none';
  return { hashesOf, memory };
}

test('what one session has hashed of a repository, another one need not read: it stays in the mirror, and grows', async () => {
  const { hashesOf, memory } = await hashed();
  expect(await hashesOf('ses_1', 'a.txt')).toEqual(wanted.slice(0, 1));
  expect(readFileSync(memory(), 'utf8').trim().split('\n')).toHaveLength(2);
  expect(await hashesOf('ses_2')).toEqual(wanted);
  const grown = readFileSync(memory(), 'utf8');
  expect(grown.trim().split('\n')).toHaveLength(3);
  // It is what is answered, and it is not written again when nothing was new.
  const forged = `${grown.slice(grown.indexOf('\n') + 1).replaceAll(sha256('two\n'), sha256('three\n'))}`;
  writeFileSync(memory(), `${sha256(forged)}\n${forged}`);
  expect((await hashesOf('ses_3', 'b/c.txt'))[0]?.sha256).toBe(sha256('three\n'));
  expect(readFileSync(memory(), 'utf8')).toContain(sha256('three\n'));
});

test('hashing ahead fills the memory until it is told to stop, and keeps what was done by then', async () => {
  const { git, directory, server } = await gitSetting();
  const many = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`f${i}.txt`, `${i}\n`.repeat(20_000)]));
  const source = { kind: 'repository', url: await server.createRepository('many', many) } as const;
  const { tree } = await git.prepare('ses_ahead', source, credentials);
  const session = git.open('ses_ahead');
  const files = await session.findFiles(tree, { globs: ['**'] });
  const memory = () => globSync(join(directory, 'mirrors', '*', 'holdfast-sha256'));
  const remembered = () => memory().flatMap((file) => readFileSync(file, 'utf8').trim().split('\n').slice(1));
  await session.hashAhead(files, AbortSignal.abort());
  expect(memory()).toEqual([]);
  const stop = new AbortController();
  const stopped = session.hashAhead(files, stop.signal);
  setImmediate(() => stop.abort());
  await stopped;
  expect(remembered().length).toBeLessThan(files.length);
  await session.hashAhead(files, new AbortController().signal);
  expect(remembered()).toHaveLength(files.length);
  const [first] = await session.hashFiles(files);
  expect(first?.sha256).toBe(sha256(many[first?.path ?? ''] ?? ''));
});

test.each<[string, (file: string, text: string) => void]>([
  ['is cut short', (file) => truncateSync(file, 100)],
  ['has other bytes', (file, text) => writeFileSync(file, text.replace(sha256('two\n'), sha256('three\n')))],
  ['is empty', (file) => writeFileSync(file, '')],
  ['is of another make', (file) => writeFileSync(file, '\n\n{}\n')],
])('a memory that %s is none: the files are read again, and remembered', async (_, damage) => {
  const { hashesOf, memory } = await hashed();
  await hashesOf('ses_1');
  const sound = readFileSync(memory(), 'utf8');
  damage(memory(), sound);
  expect(await hashesOf('ses_2')).toEqual(wanted);
  expect(readFileSync(memory(), 'utf8')).toBe(sound);
  expect(globSync(`${memory()}.*`)).toEqual([]);
  expect(existsSync(memory())).toBe(true);
});
