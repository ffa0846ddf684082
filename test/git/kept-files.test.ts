import { rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { credentials, gitSetting } from './setting.ts';

const include = ['build/*.txt', '.env'];

async function begin() {
  const setting = await gitSetting();
  const files = { '.gitignore': 'build/\n.env\nnode_modules/\n*.log\n', 'a.txt': 'one\n' };
  const url = await setting.server.createRepository('app', files);
  const { tree } = await setting.git.prepare('ses_1', { kind: 'repository', url }, credentials);
  const session = setting.git.open('ses_1');
  const workTree = session.workspace();
  await workTree.restore(tree);
  return { ...setting, session, source: { kind: 'repository', url } as const, tree, workTree };
}

test('ignored files of the include list are captured in a tree of their own; what is lost with the directory is named', async () => {
  const { agent, session, tree, workTree } = await begin();
  await agent(
    workTree,
    'mkdir -p build/deep node_modules/x; echo 1 > build/a.txt; echo 2 > build/b.bin; echo 3 > .env',
  );
  await agent(workTree, 'echo 4 > node_modules/x/y; echo 5 > a.log; echo two > a.txt');
  const packs: Buffer[] = [];
  const keep = async (pack: Buffer) => void packs.push(pack);
  const first = await workTree.capture({ tree, kept: null }, include, keep);
  expect(await session.listFiles(first.tree)).toEqual(['.gitignore', 'a.txt']);
  expect(await session.listFiles(first.kept ?? '')).toEqual(['.env', 'build/a.txt']);
  expect(first.ignored).toEqual(['.env', 'a.log', 'build/', 'node_modules/']);
  expect(packs).toHaveLength(1);

  // Nothing new: no pack. Only a kept file is new: a pack, and the same tree.
  expect(await workTree.capture(first, include, keep)).toEqual(first);
  expect(packs).toHaveLength(1);
  await agent(workTree, 'echo more >> build/a.txt');
  const second = await workTree.capture(first, include, keep);
  expect([second.tree, second.kept === first.kept, packs.length]).toEqual([first.tree, false, 2]);

  rmSync(workTree.spec.workspace, { recursive: true });
  await workTree.restore(second.tree, second.kept);
  expect(await agent(workTree, 'cat a.txt build/a.txt .env; find . -path ./.git -prune -o -type f -print | sort')).toBe(
    'two\n1\nmore\n3\n./.env\n./.gitignore\n./a.txt\n./build/a.txt\n',
  );
});

test('on the same host ignored files stay, and kept ones are as they were at the checkpoint', async () => {
  const { agent, tree, workTree } = await begin();
  await agent(workTree, 'mkdir build; echo 1 > build/a.txt; echo x > a.log');
  const captured = await workTree.capture({ tree, kept: null }, include, async () => undefined);
  await agent(workTree, 'echo 2 > build/a.txt; echo y > a.log; echo two > a.txt');
  await workTree.restore(captured.tree, captured.kept);
  expect(await agent(workTree, 'cat build/a.txt a.log a.txt')).toBe('1\ny\none\n');
});

test('one full pack holds what many packs did, and builds upon the base alone', async () => {
  const { agent, git, session, source, tree, workTree } = await begin();
  let known = { tree, kept: null as string | null };
  for (let turn = 1; turn <= 5; turn += 1) {
    await agent(workTree, `echo ${turn} >> log.txt; mkdir -p build; echo ${turn} > build/a.txt`);
    known = await workTree.capture(known, include, async () => undefined);
  }
  const full = await session.packSince(tree, [known.tree, known.kept ?? '']);
  await session.consolidate();
  expect(await session.has(known.tree)).toBe(true);

  await git.prepare('ses_2', source, credentials);
  const other = git.open('ses_2');
  expect(await other.has(known.tree)).toBe(false);
  await other.ingest(full);
  expect((await other.readFile(known.tree, 'log.txt', 100))?.toString()).toBe('1\n2\n3\n4\n5\n');
  expect((await other.readFile(known.kept ?? '', 'build/a.txt', 100))?.toString()).toBe('5\n');
});
