import { rmSync, truncateSync, chmodSync, globSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { GitManager } from '../../src/git/git-manager.ts';
import { Mirrors } from '../../src/git/mirrors.ts';
import { behind, commitFiles, entry, linkModules, plantTree } from '../support/plant-repository.ts';
import { credentials, gitSetting, type GitSetting } from './setting.ts';

/** `app` has `lib` at `vendor/lib`, which has `core` at `deep/core`; both are named by relative URLs. */
async function nested(setting: GitSetting) {
  const { server } = setting;
  const url = await server.createRepository('app', { 'a.txt': 'one\n', 'vendor/own.txt': 'own\n' });
  const lib = await server.createRepository('lib', { 'lib.txt': 'lib\n', '.gitignore': 'ignored\n' });
  const core = await server.createRepository('core', { 'core.txt': 'core\n' });
  const head = (name: string) => behind(server.pathOf(name))(['rev-parse', 'main']);
  linkModules(server.pathOf('lib'), { 'deep/core': { url: '../core.git', commit: head('core') } });
  linkModules(server.pathOf('app'), { 'vendor/lib': { url: '../lib.git', commit: head('lib') } });
  const source = { kind: 'repository', url, submodules: true } as const;
  const pinned = { lib: head('lib'), core: head('core') };
  const modules = [
    { path: 'vendor/lib', url: lib, commit: pinned.lib },
    { path: 'vendor/lib/deep/core', url: core, commit: pinned.core },
  ];
  return { source, modules, pinned };
}

const everything = [
  '.gitmodules',
  'a.txt',
  'vendor/lib/.gitignore',
  'vendor/lib/.gitmodules',
  'vendor/lib/deep/core/core.txt',
  'vendor/lib/lib.txt',
  'vendor/own.txt',
];

test('the files of submodules, and of theirs, are among those that a session starts with, at the commits that are pinned', async () => {
  const setting = await gitSetting();
  const { agent, git, server } = setting;
  const { modules, source } = await nested(setting);
  commitFiles(server.pathOf('lib'), { 'lib.txt': 'moved on\n' });
  const base = await git.prepare('ses_1', source, credentials);
  const session = git.open('ses_1');
  expect(await session.listFiles(base.tree)).toEqual(everything);
  expect((await session.fetched()).submodules).toEqual(modules);
  const workTree = session.workspace();
  await workTree.restore(base.tree);
  expect(await agent(workTree, 'cat vendor/lib/lib.txt vendor/lib/deep/core/core.txt; git status --short')).toBe(
    'lib\ncore\n',
  );
  expect(await workTree.snapshot(base.tree)).toBe(base.tree);
  expect(await session.measure(base.tree)).toMatchObject({
    files: 7,
    submodules: { count: 2, isFetched: true, named: modules },
  });
});

test('the same base comes back on a host that has nothing, after every branch there has moved on', async () => {
  const setting = await gitSetting();
  const { git, server, directory } = setting;
  const { source } = await nested(setting);
  const base = await git.prepare('ses_1', source, credentials);
  for (const name of ['app', 'lib', 'core']) commitFiles(server.pathOf(name), { 'new.txt': 'new\n' });
  rmSync(directory, { recursive: true });
  await git.ensureBase('ses_1', source, base, credentials);
  expect(await git.prepare('ses_1', source, credentials)).toEqual(base);
  expect(await git.open('ses_1').listFiles(base.tree)).toEqual(everything);
});

test('a mirror of a submodule that is damaged is mended', async () => {
  const setting = await gitSetting();
  const { git, directory } = setting;
  const { source, modules } = await nested(setting);
  const base = await git.prepare('ses_1', source, credentials);
  const mirror = new Mirrors(join(directory, 'mirrors')).pathOf({ tenant: 'default', url: modules[0]?.url ?? '' });
  const [pack = ''] = globSync('objects/pack/*.pack', { cwd: mirror });
  chmodSync(join(mirror, pack), 0o644);
  truncateSync(join(mirror, pack), 20);
  expect(await git.open('ses_1').isWhole([base.tree])).toBe(false);
  await git.rebuild('ses_1', source, base, credentials);
  expect(await git.open('ses_1').isWhole([base.tree])).toBe(true);
});

test('a server that hands out only what a branch leads to is asked for its branches', async () => {
  const setting = await gitSetting((request) => {
    delete request.headers['git-protocol']; // The first protocol knows no other wants than what was advertised.
    return null;
  });
  const { git, server } = setting;
  const { source } = await nested(setting);
  commitFiles(server.pathOf('lib'), { 'lib.txt': 'moved on\n' });
  for (const name of ['lib', 'core']) behind(server.pathOf(name))(['config', 'uploadpack.allowAnySHA1InWant', 'false']);
  const base = await git.prepare('ses_1', source, credentials);
  expect(await git.open('ses_1').listFiles(base.tree)).toEqual(everything);
  behind(server.pathOf('lib'))(['update-ref', 'refs/heads/main', 'main~2']);
  const { directory } = setting;
  rmSync(directory, { recursive: true });
  await expect(git.prepare('ses_1', source, credentials)).rejects.toMatchObject({ code: 'REF_NOT_FOUND' });
});

test('without the switch nothing of a submodule is asked for, and the size names it', async () => {
  const setting = await gitSetting();
  const { git } = setting;
  const { source, pinned } = await nested(setting);
  const base = await git.prepare('ses_1', { kind: 'repository', url: source.url }, credentials);
  const session = git.open('ses_1');
  expect(base.tree).toBe(await session.treeOf(base.commit));
  expect(await session.measure(base.tree)).toEqual({
    files: 3,
    bytes: expect.any(Number),
    submodules: {
      count: 1,
      isFetched: false,
      bytes: 0,
      named: [{ path: 'vendor/lib', url: '../lib.git', commit: pinned.lib }],
    },
  });
});

test('a submodule that says `update = none` stays a link', async () => {
  const { git, server } = await gitSetting();
  const url = await server.createRepository('app', { 'a.txt': 'one\n' });
  const commit = '1'.repeat(40);
  linkModules(server.pathOf('app'), { lib: { url: '../nowhere.git', commit, more: '\tupdate = none\n' } });
  const base = await git.prepare('ses_1', { kind: 'repository', url, submodules: true }, credentials);
  expect(base.tree).toBe(await git.open('ses_1').treeOf(base.commit));
});

/** What a remote may write into .gitmodules; what git's own checks refuse already is among the attacks. */
test.each([
  ['a file URL', 'file:///etc'],
  ['a path of this machine', '/etc'],
  ['a remote helper', 'ext::sh -c "touch /tmp/RAN"'],
  ['a protocol without encryption or name', 'git://127.0.0.1/x'],
  ['an SSH host that nobody gave a key for', 'git@elsewhere.example:x.git'],
  ['a password in its URL', 'https://user:secret@elsewhere.example/x'],
  ['a URL that leads above its host', '../../../../../x'],
  ['an empty URL', ''],
])('a submodule with %s is refused by name, and nothing of the session is left', async (_, url) => {
  const { git, server, directory } = await gitSetting();
  const app = await server.createRepository('app', { 'a.txt': 'one\n' });
  linkModules(server.pathOf('app'), { 'vendor/evil': { url, commit: '1'.repeat(40) } });
  const prepared = git.prepare('ses_1', { kind: 'repository', url: app, submodules: true }, credentials);
  await expect(prepared).rejects.toMatchObject({
    code: 'SUBMODULE_REFUSED',
    message: expect.stringMatching(/^The submodule vendor\/evil is refused: (?!.*secret)/),
  });
  expect(globSync('ses_1*', { cwd: directory })).toEqual([]);
});

test.each([
  ['has no .gitmodules at all', null],
  ['is named nowhere in .gitmodules', '[submodule "other"]\n\tpath = other\n\turl = ../x\n'],
  ['is in a .gitmodules that git cannot read', '[submodule "x\n'],
])('a link that %s is refused by name', async (_, modules) => {
  const { git, server } = await gitSetting();
  const url = await server.createRepository('app', {});
  plantTree(server.pathOf('app'), (blob) =>
    Buffer.concat([
      ...(modules === null ? [] : [entry('100644', '.gitmodules', blob(modules))]),
      entry('160000', 'x', '1'.repeat(40)),
    ]),
  );
  const prepared = git.prepare('ses_1', { kind: 'repository', url, submodules: true }, credentials);
  await expect(prepared).rejects.toMatchObject({ code: expect.stringMatching(/SUBMODULE_REFUSED|GIT_FAILED/) });
});

test('a submodule within a submodule is held to the same rules, and is named by its whole path', async () => {
  const { git, server } = await gitSetting();
  const url = await server.createRepository('app', {});
  await server.createRepository('lib', {});
  const commit = linkModules(server.pathOf('lib'), { evil: { url: 'file:///etc', commit: '1'.repeat(40) } });
  linkModules(server.pathOf('app'), { lib: { url: '../lib.git', commit } });
  const prepared = git.prepare('ses_1', { kind: 'repository', url, submodules: true }, credentials);
  await expect(prepared).rejects.toMatchObject({
    code: 'SUBMODULE_REFUSED',
    message: expect.stringContaining('lib/evil'),
  });
});

test('submodules that go on without an end are given up', async () => {
  const { git, server } = await gitSetting();
  await server.createRepository('chain', {});
  const path = server.pathOf('chain');
  let commit = behind(path)(['rev-parse', 'main']);
  for (let depth = 0; depth < 10; depth += 1) commit = linkModules(path, { next: { url: '../chain.git', commit } });
  const source = { kind: 'repository', url: `${server.url}/chain.git`, submodules: true } as const;
  await expect(git.prepare('ses_1', source, credentials)).rejects.toMatchObject({
    code: 'SUBMODULE_REFUSED',
    message: expect.stringContaining('deep'),
  });
});

test('more submodules than anybody has are refused before one of them is fetched', async () => {
  let asked = 0;
  const setting = await gitSetting((request) => {
    if (request.url?.startsWith('/lib.git')) asked += 1;
    return null;
  });
  const { git, server } = setting;
  const url = await server.createRepository('app', {});
  const link = { url: '../lib.git', commit: '1'.repeat(40) };
  linkModules(server.pathOf('app'), Object.fromEntries(Array.from({ length: 201 }, (_, n) => [`m${n}`, link])));
  const prepared = git.prepare('ses_1', { kind: 'repository', url, submodules: true }, credentials);
  await expect(prepared).rejects.toMatchObject({ code: 'SUBMODULE_REFUSED' });
  expect(asked).toBe(0);
});

test('a submodule on another host is asked without the token', async () => {
  const seen: (string | undefined)[] = [];
  const elsewhere = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void elsewhere.close());
  const { git, server } = await gitSetting();
  const url = await server.createRepository('app', {});
  const other = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/x.git`;
  linkModules(server.pathOf('app'), { x: { url: other, commit: '1'.repeat(40) } });
  const prepared = git.prepare('ses_1', { kind: 'repository', url, submodules: true }, credentials);
  await expect(prepared).rejects.toMatchObject({ code: 'REPOSITORY_UNREACHABLE' });
  expect(seen.length).toBeGreaterThan(0);
  expect(seen.filter((header) => header !== undefined)).toEqual([]);
});

test('a submodule on an address that the server may not connect to is not asked for', async () => {
  const { server, sandbox, directory } = await gitSetting();
  const network = { allowPrivate: false, networks: ['127.0.0.0/8'] };
  const git = new GitManager({ sandbox, directory, network });
  const url = await server.createRepository('app', {});
  linkModules(server.pathOf('app'), { x: { url: 'http://169.254.169.254/latest', commit: '1'.repeat(40) } });
  const prepared = git.prepare('ses_1', { kind: 'repository', url, submodules: true }, credentials);
  await expect(prepared).rejects.toMatchObject({
    code: 'INVALID_REPOSITORY_URL',
    message: expect.stringContaining('169.254.169.254'),
  });
});

test.each([
  [
    'changes, adds and removes files in it',
    'echo x >> vendor/lib/lib.txt; echo y > vendor/lib/new; rm -r vendor/lib/deep',
  ],
  ['removes it', 'rm -r vendor/lib'],
  ['puts a file in its place', 'rm -r vendor/lib; echo x > vendor/lib'],
  ['puts a link to the machine in its place', 'rm -r vendor/lib; ln -s /etc vendor/lib'],
  ['puts a link in the place of the directory above it', 'mv vendor elsewhere; ln -s /etc vendor'],
  ['puts a file in the place of the directory above it', 'rm -r vendor; echo x > vendor'],
  [
    'makes it a repository',
    'git init -q vendor/lib; cd vendor/lib; git add -A; git -c user.name=x -c user.email=x@y commit -qm x',
  ],
  [
    'makes it a repository with a monitor',
    `git init -q vendor/lib; git -C vendor/lib config core.fsmonitor 'touch /workspace/RAN;'; echo x > vendor/lib/new`,
  ],
  ['names another repository for it', 'echo "gitdir: /workspace/.git" > vendor/lib/.git; echo x > vendor/lib/lib.txt'],
  [
    'links it elsewhere in its own repository',
    'git update-index --cacheinfo 160000,1111111111111111111111111111111111111111,vendor/lib',
  ],
])('an agent that %s changes nothing of what is delivered, or judged, of a submodule', async (_, attack) => {
  const setting = await gitSetting();
  const { agent, git } = setting;
  const { source, pinned } = await nested(setting);
  const base = await git.prepare('ses_1', source, credentials);
  const session = git.open('ses_1');
  const { submodules } = await session.fetched();
  const composed = { source, base, submodules };
  const workTree = session.workspace();
  await workTree.restore(base.tree);
  await agent(workTree, `${attack}; cd /workspace; echo two >> a.txt`);
  const taken = await workTree.snapshot(base.tree);
  const settled = await session.settledTree(composed, taken);
  const changed = (await session.changes(base.tree, settled)).map(({ path }) => path);
  expect(changed.filter((path) => path.startsWith('vendor/lib'))).toEqual([]);
  expect(changed).toContain('a.txt');
  expect(await agent(workTree, 'ls RAN')).toContain('No such file');
  const { tree: own } = await session.ownTree(composed, taken);
  const links = behind(session.gitDir)(['ls-tree', '-r', own])
    .split('\n')
    .filter((line) => line.startsWith('160000'));
  expect(links).toEqual([`160000 commit ${pinned.lib}\tvendor/lib`]);
  expect((await session.ownTree(composed, settled)).tree).toBe(own);
  await workTree.restore(settled);
  expect(await agent(workTree, 'cat vendor/lib/lib.txt')).toBe('lib\n');
});
