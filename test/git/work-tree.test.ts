import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { WorkTree } from '../../src/git/work-tree.ts';
import type { SessionGit } from '../../src/git/session-git.ts';
import { credentials, gitSetting, type GitSetting } from './setting.ts';

interface Begun extends GitSetting {
  readonly session: SessionGit;
  readonly tree: string;
  readonly workTree: WorkTree;
}

/** A session with its work tree at the base. */
async function begin(
  files: Readonly<Record<string, string>> = { 'a.txt': 'one\n', '.gitignore': 'ignored/\n' },
): Promise<Begun> {
  const setting = await gitSetting();
  const url = await setting.server.createRepository('app', files);
  const { tree } = await setting.git.prepare('ses_1', { kind: 'repository', url }, credentials);
  const session = setting.git.open('ses_1');
  const workTree = session.workspace();
  await workTree.restore(tree);
  return { ...setting, session, tree, workTree };
}

test('the tree of an untouched work tree is the base tree', async () => {
  const { workTree, tree } = await begin();
  expect(await workTree.snapshot(tree)).toBe(tree);
});

test('a worker that died while it made the directories of a work tree leaves nothing in the way of the next one', async () => {
  const { git, sandbox, server } = await gitSetting();
  const url = await server.createRepository('app', { 'a.txt': 'one\n' });
  const { tree } = await git.prepare('ses_1', { kind: 'repository', url }, credentials);
  const workTree = git.open('ses_1').workspace();
  for (const nth of [1, 2]) {
    const adopt = vi.spyOn(sandbox, 'adopt');
    if (nth === 2) adopt.mockImplementationOnce(sandbox.adopt.bind(sandbox));
    adopt.mockRejectedValueOnce(new Error('killed'));
    await expect(workTree.restore(tree)).rejects.toThrow('killed');
    adopt.mockRestore();
  }
  await workTree.restore(tree);
  expect(await workTree.snapshot(tree)).toBe(tree);
});

test('odd names, links, modes and deletions survive a snapshot and a restore', async () => {
  const { agent, workTree, tree, session } = await begin();
  await agent(
    workTree,
    `rm a.txt; mkdir -p 'd e/ü'; echo 1 > 'd e/ü/-f "q"'; printf x > $'new\\nline'; ln -s /etc/passwd link; echo '#!' > run; chmod +x run`,
  );
  const changed = await workTree.snapshot(tree);
  expect((await session.changes(tree, changed)).map(({ status, path }) => `${status} ${path}`)).toEqual(
    expect.arrayContaining([
      'deleted a.txt',
      'created d e/ü/-f "q"',
      'created new\nline',
      'created link',
      'created run',
    ]),
  );
  await workTree.restore(tree);
  expect(await workTree.snapshot(changed)).toBe(tree);
  await workTree.restore(changed);
  expect(await agent(workTree, `readlink link; test -x run && echo executable; cat 'd e/ü/-f "q"'`)).toBe(
    '/etc/passwd\nexecutable\n1\n',
  );
  expect(await workTree.snapshot(changed)).toBe(changed);
});

test('a restore removes what the tree does not have and keeps ignored files', async () => {
  const { agent, workTree, tree } = await begin();
  await agent(
    workTree,
    'mkdir ignored; echo cache > ignored/x; echo stray > stray; mkdir sub && cd sub && git init -q && echo y > y',
  );
  await workTree.restore(tree);
  expect(await agent(workTree, 'ls; cat ignored/x')).toBe('a.txt\nignored\ncache\n');
});

test('a nested repository is stored with its files, also one without a commit', async () => {
  const { agent, workTree, tree, session } = await begin();
  await agent(workTree, 'git init -q sub; echo inner > sub/file; git init -q empty');
  const taken = await workTree.snapshot(tree);
  expect(await session.listFiles(taken)).toEqual(['.gitignore', 'a.txt', 'sub/file']);
});

test.each([
  [
    'a clean filter of any name',
    `echo '* filter=evil' > .gitattributes; git config filter.evil.clean 'touch /workspace/RAN; cat'; git config filter.evil.smudge 'touch /workspace/RAN; cat'`,
  ],
  [
    'a file system monitor',
    `git config core.fsmonitor '/workspace/evil.sh'; printf '#!/bin/sh\\ntouch /workspace/RAN' > evil.sh; chmod +x evil.sh`,
  ],
  [
    'hooks',
    `mkdir -p .git/hooks; for h in pre-commit post-index-change reference-transaction; do printf '#!/bin/sh\\ntouch /workspace/RAN' > .git/hooks/$h; chmod +x .git/hooks/$h; done`,
  ],
  [
    'a text conversion',
    `echo '* diff=evil' > .gitattributes; git config diff.evil.textconv 'touch /workspace/RAN; cat'`,
  ],
  [
    'a nested repository with a monitor',
    `git init -q sub; echo x > sub/x; git -C sub config core.fsmonitor 'touch /workspace/RAN;'; printf '[submodule "sub"]\\n\\tpath = sub\\n\\turl = x\\n\\tignore = none\\n' > .gitmodules`,
  ],
  ['a work tree that points elsewhere', `git config core.worktree /etc`],
])('%s that the agent plants does not run when the server takes, compares or restores the tree', async (_, attack) => {
  const { agent, workTree, tree, session } = await begin();
  await agent(workTree, attack);
  const first = await workTree.snapshot(tree);
  await agent(workTree, 'echo more >> a.txt');
  const second = await workTree.snapshot(first);
  expect((await session.diff(first, second)).toString()).toContain('+more');
  await workTree.restore(first);
  expect(existsSync(join(workTree.spec.workspace, 'RAN'))).toBe(false);
});

test('a FIFO in place of .gitignore or .gitattributes does not hang the snapshot for ever', async () => {
  const { agent, workTree, tree } = await begin();
  await agent(workTree, 'mkfifo pipe; mkdir d; mkfifo d/other');
  expect(await workTree.snapshot(tree)).toBe(tree);
});

test('an index that a crash tore, and a lock it left, heal', async () => {
  const { agent, workTree, tree, session } = await begin();
  await agent(workTree, 'echo two > b.txt');
  writeFileSync(join(workTree.stateDirectory, 'index'), 'torn');
  writeFileSync(join(workTree.stateDirectory, 'index.lock'), '');
  const taken = await workTree.snapshot(tree);
  expect(await session.listFiles(taken)).toEqual(['.gitignore', 'a.txt', 'b.txt']);
});

test('the agent has a repository of its own: clean at the base, with history, and it may commit', async () => {
  const { agent, workTree, tree } = await begin();
  expect(await agent(workTree, 'git status --short; git log --format=%s; git diff HEAD; git blame a.txt | wc -l')).toBe(
    'Initial commit\n1\n',
  );
  expect(await agent(workTree, 'echo x > x; git add -A; git commit -qm mine; git log --format=%s')).toBe(
    'mine\nInitial commit\n',
  );
  expect(await workTree.snapshot(tree)).not.toBe(tree);
});

test('the same tree, parent, message and time always make the same commit', async () => {
  const { session, tree } = await begin();
  const facts = { tree, parent: null, message: 'm\n', author: { name: 'a', email: 'a@b' }, atMs: 1000 };
  expect(await session.commitTree(facts)).toBe(await session.commitTree(facts));
  expect(await session.commitTree({ ...facts, atMs: 2000 })).not.toBe(await session.commitTree(facts));
});

test('files are found by glob, read and hashed from the tree and not from the work tree', async () => {
  const { session, tree, workTree, agent } = await begin({
    'src/a.ts': 'a',
    'src/deep/b.ts': 'b',
    'c.md': 'c',
    [String.raw`odd[1].ts`]: 'o',
  });
  await agent(workTree, 'echo changed > src/a.ts');
  const find = async (...globs: string[]) => (await session.findFiles(tree, { globs })).map(({ path }) => path);
  expect(await find('src/**/*.ts')).toEqual(['src/a.ts', 'src/deep/b.ts']);
  expect(await find('*.ts', '/etc/*', '../*')).toEqual(['odd[1].ts']);
  const literal = await session.findFiles(tree, { paths: ['odd[1].ts', 'src/*.ts', '/c.md', '../c.md'] });
  expect(literal.map(({ path }) => path)).toEqual(['odd[1].ts']);
  expect((await session.readFile(tree, 'src/a.ts', 10))?.toString()).toBe('a');
  expect(await session.readFile(tree, 'src', 10)).toBeNull();
  expect(await session.readFile(tree, 'src/a.ts', 0)).toBeNull();
  expect(await session.hashFiles(await session.findFiles(tree, { paths: ['src/a.ts', 'c.md'] }))).toEqual([
    { path: 'c.md', sha256: '2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6' },
    { path: 'src/a.ts', sha256: 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb' },
  ]);
  expect(
    statSync(session.gitDir).isDirectory() && readFileSync(join(session.gitDir, 'info', 'attributes'), 'utf8'),
  ).toContain('-filter');
});
