import { lstatSync, mkdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDirectory } from '../support/open-directory.ts';
import { gitSetting } from './setting.ts';

/** A session on a directory with a few files, and the tree that the agent made of it. */
async function delivered(command: string) {
  const setting = await gitSetting();
  const path = join(openDirectory(), 'project');
  mkdirSync(join(path, 'src'), { recursive: true });
  mkdirSync(join(path, '.git'));
  mkdirSync(join(path, 'node_modules'));
  for (const [file, content] of Object.entries({
    'src/a': 'a\n',
    b: 'b\n',
    '.gitignore': 'node_modules\n',
    'node_modules/x': 'x',
    '.git/config': '[core]\n',
  })) {
    writeFileSync(join(path, file), content);
  }
  symlinkSync('/etc/passwd', join(path, 'link'));
  const { git, agent } = setting;
  const base = await git.prepare('ses_1', { kind: 'directory', path });
  const workTree = git.open('ses_1').workspace();
  await workTree.restore(base.tree);
  await agent(workTree, command);
  const result = await workTree.snapshot(base.tree);
  return { ...setting, path, base, delivery: { sessionId: 'ses_1', path, base: base.tree, result } };
}

test('a directory is imported as it is: links as links, without ignored files and without its .git', async () => {
  const { git, base } = await delivered('true');
  expect(await git.open('ses_1').listFiles(base.tree)).toEqual(['.gitignore', 'b', 'link', 'src/a']);
});

test('the result is written back: changes, modes, links, deletions; and again, without harm', async () => {
  const { git, path, delivery } = await delivered(
    'echo more >> src/a; rm b; echo new > src/run; chmod +x src/run; ln -sf elsewhere link',
  );
  await git.applyToDirectory(delivery);
  await git.applyToDirectory(delivery);
  expect(readFileSync(join(path, 'src/a'), 'utf8')).toBe('a\nmore\n');
  expect(lstatSync(join(path, 'src/run')).mode & 0o111).not.toBe(0);
  expect(readlinkSync(join(path, 'link'))).toBe('elsewhere');
  expect(() => lstatSync(join(path, 'b'))).toThrow('ENOENT');
  expect(readFileSync(join(path, 'node_modules/x'), 'utf8')).toBe('x');
});

test('a delivery that was cut short is finished by the next attempt', async () => {
  const { git, path, delivery } = await delivered('echo more >> src/a; echo new > c');
  writeFileSync(join(path, 'c'), 'new\n');
  await git.applyToDirectory(delivery);
  expect(readFileSync(join(path, 'src/a'), 'utf8')).toBe('a\nmore\n');
});

test.each([
  ['a file that the result changes', 'src/a'],
  ['a file that the result does not touch', 'b'],
])('%s was changed by somebody else: nothing is written', async (_, file) => {
  const { git, path, delivery } = await delivered('echo more >> src/a');
  writeFileSync(join(path, file), 'mine');
  await expect(git.applyToDirectory(delivery)).rejects.toMatchObject({
    code: 'DIRECTORY_CHANGED',
    details: { paths: [file] },
  });
  expect(readFileSync(join(path, file), 'utf8')).toBe('mine');
});

test('nothing is written through a parent that has become a link', async () => {
  const { git, path, delivery } = await delivered('mkdir -p fresh && echo new > fresh/file');
  const outside = openDirectory();
  rmSync(join(path, 'fresh'), { recursive: true, force: true });
  symlinkSync(outside, join(path, 'fresh'));
  await expect(git.applyToDirectory(delivery)).rejects.toMatchObject({ code: 'DIRECTORY_CHANGED' });
  expect(() => lstatSync(join(outside, 'file'))).toThrow('ENOENT');
});
