import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { SessionGit } from '../../src/git/session-git.ts';
import type { WorkTree } from '../../src/git/work-tree.ts';
import { openDirectory } from '../support/open-directory.ts';
import { credentials, gitSetting, type GitSetting } from './setting.ts';

const files = { 'a.txt': 'one\n', 'src/b.txt': 'two\n', '.gitignore': 'ignored/\n' };
const names = Object.keys(files).toSorted();

interface Begun extends GitSetting {
  readonly session: SessionGit;
  readonly tree: string;
  readonly workTree: WorkTree;
}

/** A session with its work tree at the base. */
async function begin(): Promise<Begun> {
  const setting = await gitSetting();
  const url = await setting.server.createRepository('app', files);
  const { tree } = await setting.git.prepare('ses_1', { kind: 'repository', url }, credentials);
  const session = setting.git.open('ses_1');
  const workTree = session.workspace();
  await workTree.restore(tree);
  return { ...setting, session, tree, workTree };
}

/** The files of the server's git directory that configure something. */
function configurationOf(gitDir: string): Record<string, string> {
  const kept = readdirSync(gitDir, { recursive: true, encoding: 'utf8' }).filter(
    (file) => !file.startsWith('objects') && !file.startsWith('refs'),
  );
  return Object.fromEntries(
    kept.flatMap((file) => {
      try {
        return [[file, readFileSync(join(gitDir, file), 'utf8')]];
      } catch {
        return [];
      }
    }),
  );
}

test.each(['.gitignore', '.gitattributes', 'src/.gitignore', 'fresh/.gitignore', 'fresh/.gitattributes'])(
  'a pipe in place of %s hangs neither a snapshot nor a restore',
  async (name) => {
    const { agent, workTree, tree, session } = await begin();
    await agent(workTree, `mkdir -p fresh; echo new > fresh/file; rm -f ${name}; mkfifo ${name}`);
    const taken = await workTree.snapshot(tree);
    expect(await session.listFiles(taken)).toEqual([...names, 'fresh/file'].filter((file) => file !== name).toSorted());
    await workTree.restore(tree);
    expect(await workTree.snapshot(taken)).toBe(tree);
  },
);

test('sockets, devices that do not exist and empty directories are no part of a tree', async () => {
  const { agent, workTree, tree } = await begin();
  await agent(
    workTree,
    `mkdir empty; mkfifo pipe; /usr/bin/python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'; ls -l`,
  );
  expect(await workTree.snapshot(tree)).toBe(tree);
});

test('names of bytes that are no text, and long and hostile ones, survive a snapshot and a restore', async () => {
  const { agent, workTree, tree } = await begin();
  const long = 'x'.repeat(200);
  const made = String.raw`printf 1 > $'\xff\xfe'; printf 2 > -- ; printf 3 > '-rf'; printf 4 > '$(touch RAN)'; printf 5 > $'\x1b[2J'; printf 6 > ':(glob)**'; printf 7 > '"'; mkdir -p ${long}/${long}; printf 8 > ${long}/${long}/${long}; printf 9 > HEAD; printf 0 > ' '`;
  await agent(workTree, made);
  const taken = await workTree.snapshot(tree);
  const list = 'find . -path ./.git -prune -o -type f -print0 | sort -z | xargs -0 sha256sum';
  const before = await agent(workTree, list);
  expect(before.split('\n').length).toBe(3 + 10 + 1);
  await workTree.restore(tree);
  expect(await workTree.snapshot(taken)).toBe(tree);
  await workTree.restore(taken);
  expect(await agent(workTree, list)).toBe(before);
  expect(await workTree.snapshot(tree)).toBe(taken);
});

test('a nested repository below a directory whose name has a line break is stored with its files too', async () => {
  const { agent, workTree, tree, session } = await begin();
  await agent(workTree, String.raw`mkdir -p $'x\nd ../usr'; cd $'x\nd ../usr'; git init -q .; echo inner > file`);
  const taken = await workTree.snapshot(tree);
  expect(await session.listFiles(taken)).toEqual([...names, 'x\nd ../usr/file'].toSorted());
});

test('a file takes the place of a directory and a directory that of a file, there and back', async () => {
  const { agent, workTree, tree, session } = await begin();
  await agent(workTree, 'rm -r src a.txt; echo file > src; mkdir a.txt; echo inner > a.txt/inner; ln -s /etc etc');
  const taken = await workTree.snapshot(tree);
  expect(await session.listFiles(taken)).toEqual(['.gitignore', 'a.txt/inner', 'etc', 'src']);
  await workTree.restore(tree);
  expect(await agent(workTree, 'cat a.txt src/b.txt; ls -A')).toBe('one\ntwo\n.git\n.gitignore\na.txt\nsrc\n');
});

test('a directory that became a link to elsewhere is restored beside what it points at', async () => {
  const { agent, workTree, tree } = await begin();
  const outside = openDirectory();
  chmodSync(outside, 0o777);
  writeFileSync(join(outside, 'b.txt'), 'theirs');
  rmSync(join(workTree.spec.workspace, 'src'), { recursive: true });
  symlinkSync(outside, join(workTree.spec.workspace, 'src'));
  await workTree.restore(tree);
  expect(readFileSync(join(outside, 'b.txt'), 'utf8')).toBe('theirs');
  expect(await agent(workTree, 'cat src/b.txt')).toBe('two\n');
});

test("the server's git directory can be read by the agent, and nothing in it be changed", async () => {
  const { agent, workTree, session, tree } = await begin();
  const before = configurationOf(session.gitDir);
  const git = session.gitDir;
  const out = await agent(
    workTree,
    `cat ${git}/HEAD; for f in config HEAD info/attributes hooks/x objects/x objects/info/alternates commondir; do echo evil > ${git}/$f; done; git --git-dir=${git} config core.fsmonitor evil; git --git-dir=${git} update-ref refs/holdfast/base HEAD; rm -rf ${git}; mv ${git} ${git}.away; echo ended`,
  );
  expect(out).toContain('ref: refs/heads/main');
  expect(out.match(/Read-only file system|Directory nonexistent|No such file/g)?.length).toBeGreaterThanOrEqual(7);
  expect(configurationOf(git)).toEqual(before);
  expect(await workTree.snapshot(tree)).toBe(tree);
});

test.each([
  ['is deleted', 'rm -rf .git'],
  ['becomes a file that names another directory', 'rm -rf .git; git init -q evil; echo "gitdir: evil/.git" > .git'],
  ['becomes a link to the directory of the server', 'rm -rf .git; ln -s "$GIT" .git'],
  ['becomes a pipe', 'rm -rf .git; mkfifo .git'],
  ['gets a configuration that cannot be read', 'echo "[broken" > .git/config'],
  ['gets borrowed objects that are not there', 'echo /nonexistent > .git/objects/info/alternates'],
  ['gets an index that is not one', 'echo torn > .git/index; touch .git/index.lock'],
])("the agent's own .git %s: the server still takes the tree and restores it", async (_, attack) => {
  const { agent, workTree, tree, session } = await begin();
  await agent(workTree, `GIT=${session.gitDir}; ${attack}; echo more >> a.txt`);
  const taken = await workTree.snapshot(tree);
  expect((await session.diff(tree, taken)).toString()).toContain('+more');
  await workTree.restore(tree);
  expect(await agent(workTree, 'cat a.txt')).toBe('one\n');
  expect(existsSync(join(session.gitDir, 'HEAD'))).toBe(true);
});

test('what the agent planted does run when the agent itself calls git: the attacks of these tests are real', async () => {
  const { agent, workTree } = await begin();
  const out = await agent(
    workTree,
    `git config core.fsmonitor 'touch /workspace/MONITOR;'; git config filter.evil.clean 'touch /workspace/FILTER; cat'; echo '* filter=evil' > .gitattributes; echo x >> a.txt; printf '#!/bin/sh\\ntouch /workspace/HOOK' > .git/hooks/pre-commit || mkdir .git/hooks; printf '#!/bin/sh\\ntouch /workspace/HOOK' > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit; git add -A; git commit -qm x; ls`,
  );
  for (const trace of ['MONITOR', 'FILTER', 'HOOK']) expect(out).toContain(trace);
});

test('attributes that the agent plants change no byte: no line ends, no keywords, no encoding', async () => {
  const { agent, workTree, tree, session } = await begin();
  await agent(
    workTree,
    String.raw`printf '* text=auto eol=crlf ident\n*.u working-tree-encoding=UTF-16\n' > .gitattributes; git config core.autocrlf true; printf 'a\r\nb\n$Id$\n' > mixed; printf 'plain\n' > file.u`,
  );
  const taken = await workTree.snapshot(tree);
  expect((await session.readFile(taken, 'mixed', 100))?.toString()).toBe('a\r\nb\n$Id$\n');
  expect((await session.readFile(taken, 'file.u', 100))?.toString()).toBe('plain\n');
  await workTree.restore(tree);
  await workTree.restore(taken);
  expect(await agent(workTree, 'od -c mixed | head -1')).toContain(String.raw`a  \r  \n   b  \n`);
});

test('a link to a file of the server is taken as a link, and its target stays out of the tree', async () => {
  const { workTree, tree, session } = await begin();
  const secret = join(openDirectory(), 'secret');
  writeFileSync(secret, 'canary-target', { mode: 0o644 });
  symlinkSync(secret, join(workTree.spec.workspace, 'link'));
  symlinkSync('/root', join(workTree.spec.workspace, 'directory'));
  symlinkSync(secret, join(workTree.spec.workspace, '.gitattributes'));
  const taken = await workTree.snapshot(tree);
  expect((await session.readFile(taken, 'link', 1000))?.toString()).toBe(secret);
  expect(await session.listFiles(taken)).toEqual(['.gitattributes', ...names, 'directory', 'link'].toSorted());
  expect((await session.diff(tree, taken)).toString()).not.toContain('canary-target');
});

test('a pack with a path into .git, and one that is torn, are refused', async () => {
  const { session, tree } = await begin();
  const directory = openDirectory();
  const git = (args: readonly string[], input: Buffer | string = '') =>
    execFileSync('git', ['-C', directory, ...args], { input, env: { PATH: '/usr/bin:/bin', HOME: '/nonexistent' } });
  git(['init', '-q']);
  const blob = git(['hash-object', '-w', '--stdin'], 'evil').toString().trim();
  const entry = (mode: string, name: string, id: string) =>
    Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')]);
  const write = (content: Buffer) => git(['hash-object', '-w', '-t', 'tree', '--literally', '--stdin'], content);
  const inner = write(entry('100644', 'config', blob))
    .toString()
    .trim();
  for (const name of ['.git', '..', '.GIT']) {
    const outer = write(entry('40000', name, inner)).toString();
    const pack = git(['pack-objects', '--revs', '--stdout', '-q'], outer);
    await expect(session.ingest(pack)).rejects.toMatchObject({ code: 'GIT_FAILED' });
    await expect(session.ingest(pack.subarray(0, -25))).rejects.toMatchObject({ code: 'GIT_FAILED' });
    expect(await session.has(outer.trim())).toBe(false);
  }
  expect(await session.has(tree)).toBe(true);
});

test('a work tree whose files take their own permissions away fails clearly or is taken, and is restored', async () => {
  const { agent, workTree, tree } = await begin();
  await agent(workTree, 'mkdir locked; echo x > locked/x; chmod 0 locked; echo y > unreadable; chmod 0 unreadable');
  const taken = await workTree.snapshot(tree).catch((error: unknown) => error);
  if (typeof taken !== 'string') expect(taken).toMatchObject({ code: 'GIT_FAILED' });
  await workTree.restore(tree);
  expect(await workTree.snapshot(tree)).toBe(tree);
});
