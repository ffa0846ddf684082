import { expect, test } from 'vitest';
import type { Contract } from '../../src/domain/contract.ts';
import { startGitHttpServer } from '../../src/demo/git-http-server.ts';
import { openDirectory } from '../support/open-directory.ts';
import { behind, linkModules } from '../support/plant-repository.ts';
import { preflightSetting } from './preflight-setting.ts';

const pointer = (size: number) =>
  `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize ${size}\n`;
const shown = ({ items }: Contract) =>
  items.map(({ kind, name, state, source }) => `${kind} ${name}: ${state} (${source})`);
const evidenceOf = ({ items }: Contract, name: string) => items.find((item) => item.name === name)?.evidence;

/** Repositories on this machine: `app` links to `lib` where `vendor/lib` is. */
async function repositories() {
  const root = openDirectory();
  const server = await startGitHttpServer({ root, user: 'git', token: 'token' });
  await server.createRepository('app', { 'a.txt': 'one\n' });
  await server.createRepository('lib', { 'lib.txt': 'library\n' });
  await server.close();
  const commit = behind(server.pathOf('lib'))(['rev-parse', 'main']);
  linkModules(server.pathOf('app'), { 'vendor/lib': { url: '../lib.git', commit } });
  return { server, root, commit, url: server.pathOf('app') };
}

test('the contract tells how many files there are and how large they are', async () => {
  const { check } = await preflightSetting({ files: { 'a.txt': '12345', 'src/b.txt': 'ä' } });
  const { agreed } = await check();
  expect(agreed.size).toEqual({ files: 2, bytes: 7 });
  expect(agreed.items).toEqual([]);
});

test('submodules that are not fetched are told with the switch that fetches them, and block nothing', async () => {
  const { url, commit } = await repositories();
  const { check, freeze } = await preflightSetting({
    task: { source: { kind: 'repository', url }, delivery: 'patch' },
  });
  const { agreed, missing } = await check();
  expect(missing).toEqual([]);
  expect(shown(agreed)).toEqual(['content submodules: unverified (repository)']);
  expect(evidenceOf(agreed, 'submodules')).toMatch(/1 not fetched.*vendor\/lib at [0-9a-f]{12}.*source\.submodules/);
  expect(agreed.size?.submodules?.named).toEqual([{ path: 'vendor/lib', url: '../lib.git', commit }]);
  const { snapshot } = await freeze();
  expect(snapshot.submodules).toBeUndefined();
});

test('submodules that are fetched are proven, measured and frozen: another commit is another snapshot', async () => {
  const { server, root, url, commit } = await repositories();
  const task = { source: { kind: 'repository', url, submodules: true }, delivery: 'patch' } as const;
  const begin = () => preflightSetting({ task, allowedRoots: [root] });
  const first = await begin();
  const { agreed } = await first.check();
  expect(shown(agreed)).toEqual(['content submodules: satisfied (repository)']);
  const lib = server.pathOf('lib');
  const named = [{ path: 'vendor/lib', url: lib, commit }];
  expect(agreed.size).toMatchObject({ files: 3, submodules: { count: 1, isFetched: true, bytes: 8, named } });
  const frozen = await first.freeze();
  expect(frozen.snapshot).toMatchObject({ submodules: named, source: { submodules: true } });
  // The same files, from another commit.
  const tree = behind(lib)(['rev-parse', 'main^{tree}']);
  const other = behind(lib)(['commit-tree', tree, '-m', 'other']);
  behind(lib)(['update-ref', 'refs/heads/main', other]);
  linkModules(url, { 'vendor/lib': { url: '../lib.git', commit: other } });
  const second = await begin();
  await second.check();
  const { snapshot, frozen: again } = await second.freeze();
  expect(snapshot.base.tree).toBe(frozen.snapshot.base.tree);
  expect(snapshot.submodules?.[0]?.commit).toBe(other);
  expect(again.digest).not.toBe(frozen.frozen.digest);
});

test('pointers of Git LFS are counted with the bytes they stand for, and told', async () => {
  const { check } = await preflightSetting({
    files: {
      '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n',
      'a.bin': pointer(1_000_000),
      'd/b.bin': pointer(500_000),
      'c.bin': 'no pointer',
    },
  });
  const { agreed, missing } = await check();
  expect(missing).toEqual([]);
  expect(shown(agreed)).toEqual(['content lfs: unverified (repository)']);
  expect(evidenceOf(agreed, 'lfs')).toContain('2 files of Git LFS are not fetched (1.5 MB)');
  expect(agreed.size?.lfs).toEqual({ files: 2, bytes: 1_500_000, isFetched: false });
});

test('what looks like a pointer is a file where no rule gives files to Git LFS', async () => {
  const { check } = await preflightSetting({
    files: { '.gitattributes': '# *.bin filter=lfs\n*.txt text\n', 'a.bin': pointer(1) },
  });
  expect((await check()).agreed.size).toEqual({ files: 2, bytes: expect.any(Number) });
});
