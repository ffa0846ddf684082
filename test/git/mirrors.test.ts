import { execFile, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { Mirrors } from '../../src/git/mirrors.ts';
import { until } from '../support/holdfast.ts';
import { credentials, gitSetting, type GitSetting } from './setting.ts';

const run = promisify(execFile);
const PROCESS = join(import.meta.dirname, 'mirror-process.ts');
const files = { 'a.txt': 'one\n'.repeat(500), 'b/c.txt': 'two\n' };

async function mirrored(setting: GitSetting) {
  const url = await setting.server.createRepository('app', files);
  const source = { kind: 'repository', url } as const;
  const base = await setting.git.prepare('ses_1', source, credentials);
  const mirrors = join(setting.directory, 'mirrors');
  const mirror = new Mirrors(mirrors).pathOf({ tenant: 'default', url });
  expect(existsSync(mirror)).toBe(true);
  return { url, source, base, mirror, mirrors };
}

/** Moves `main` on, with a file of its own content. */
function moveMain(path: string, text: string): string {
  const who = ['-c', 'safe.directory=*', '-c', 'user.name=x', '-c', 'user.email=x@y', '--git-dir', path];
  const git = (args: string[], input = ''): string =>
    execFileSync('git', [...who, ...args], { encoding: 'utf8', input }).trim();
  const blob = git(['hash-object', '-w', '--stdin'], text);
  const tree = git(['mktree'], `100644 blob ${blob}\tnew.txt\n`);
  const commit = git(['commit-tree', tree, '-p', 'main', '-m', text]);
  git(['update-ref', 'refs/heads/main', commit]);
  return commit;
}

const put =
  (name: string, text: string) =>
  (mirror: string): void => {
    mkdirSync(dirname(join(mirror, name)), { recursive: true });
    writeFileSync(join(mirror, name), text);
  };
const packs = (pattern: string, damage: (file: string) => void) => (mirror: string) =>
  globSync(`objects/pack/${pattern}`, { cwd: mirror }).forEach((name) => damage(join(mirror, name)));
const halve = (file: string): void => {
  chmodSync(file, 0o644);
  truncateSync(file, Math.floor(statSync(file).size / 2));
};

test.each<[string, (mirror: string) => void]>([
  ['has no HEAD', (mirror) => rmSync(join(mirror, 'HEAD'))],
  ['has an empty HEAD', put('HEAD', '')],
  ['has a HEAD of noise', put('HEAD', '\0\0noise')],
  ['has a config of noise', put('config', '[core\nnoise')],
  ['has an empty ref', put('refs/mirror/heads/main', '')],
  ['has a ref to an object that is not there', put('refs/mirror/heads/main', `${'1'.repeat(40)}\n`)],
  ['has packed refs of noise', put('packed-refs', 'noise\n')],
  ['has a lock on the ref, left by a killed fetch', put('refs/mirror/heads/main.lock', '')],
  [
    'has every other lock that git leaves',
    (mirror) => ['packed-refs', 'config', 'HEAD', 'shallow'].forEach((name) => put(`${name}.lock`, '')(mirror)),
  ],
  ['has half of a pack, left by a killed fetch', put('objects/pack/tmp_pack_abc', 'PACK')],
  ['has lost its packs', packs('*.pack', (file) => rmSync(file))],
  ['has lost the indexes of its packs', packs('*.idx', (file) => rmSync(file))],
  ['has packs that are cut in half', packs('*.pack', halve)],
  ['has indexes that are cut in half', packs('*.idx', halve)],
  [
    'is an empty directory',
    (mirror) => readdirSync(mirror).forEach((name) => rmSync(join(mirror, name), { recursive: true })),
  ],
  [
    'is a file',
    (mirror) => {
      rmSync(mirror, { recursive: true });
      writeFileSync(mirror, 'noise');
    },
  ],
])('a mirror that %s heals, for a new session and for the one that lives on it', async (_, damage) => {
  const setting = await gitSetting();
  const { git } = setting;
  const { source, base, mirror } = await mirrored(setting);
  damage(mirror);
  const moved = moveMain(setting.server.pathOf('app'), 'moved');
  const second = await git.prepare('ses_2', source, credentials);
  expect(second.commit).toBe(moved);
  for (const [id, wanted] of [
    ['ses_2', second],
    ['ses_1', base],
  ] as const) {
    if (!(await git.open(id).isWhole([wanted.tree]))) await git.rebuild(id, source, wanted, credentials);
    expect(await git.open(id).isWhole([wanted.tree])).toBe(true);
  }
  expect(await git.prepare('ses_3', source, credentials)).toEqual(second);
  expect(globSync(['*.lock', 'refs/**/*.lock', 'objects/pack/tmp_*'], { cwd: mirror })).toEqual([]);
});

test('workers of the machine that want the same at once bring it in once', async () => {
  let fetches = 0;
  const setting = await gitSetting(({ method, headers }) => {
    if (method === 'POST' && Number(headers['content-length'] ?? 0) > 200) fetches += 1;
    return null;
  });
  const { url, mirror, mirrors } = await mirrored(setting);
  rmSync(mirror, { recursive: true });
  const commit = moveMain(setting.server.pathOf('app'), 'moved');
  fetches = 0;
  const args = [PROCESS, mirrors, url, credentials.token, commit];
  const all = await Promise.all(Array.from({ length: 4 }, () => run(process.execPath, args)));
  expect(new Set(all.map(({ stdout }) => stdout.trim()))).toEqual(new Set([mirror]));
  expect(fetches).toBe(1);
});

test('a worker that is killed in the middle of a fetch keeps nobody waiting', async () => {
  let stalled = 0;
  let isStalling = true;
  const setting = await gitSetting(({ method }) =>
    isStalling && method === 'POST' && (stalled += 1) > 0 ? 'stall' : null,
  );
  const url = await setting.server.createRepository('app', files);
  const mirrors = join(setting.directory, 'mirrors');
  const commit = moveMain(setting.server.pathOf('app'), 'moved');
  const args = [PROCESS, mirrors, url, credentials.token, commit];
  const first = spawn(process.execPath, args, { stdio: 'ignore' });
  onTestFinished(() => void first.kill('SIGKILL'));
  await until(() => stalled > 0);
  const second = run(process.execPath, args);
  isStalling = false;
  first.kill('SIGKILL');
  expect((await second).stdout).toContain(mirrors);
});

test('tenants share no mirror: an object is had by whoever knows its name', async () => {
  const setting = await gitSetting();
  const { source, mirror, mirrors } = await mirrored(setting);
  await setting.git.prepare('ses_2', source, credentials, { tenant: 'other' });
  expect(globSync('*.git', { cwd: mirrors }).length).toBe(2);
  expect(setting.git.open('ses_2').borrowed()).not.toContain(join(mirror, 'objects'));
});

test('a mirror goes when nobody has used it for long and no session borrows from it; many packs become one', async () => {
  const setting = await gitSetting();
  const { git } = setting;
  const { source, mirror, mirrors } = await mirrored(setting);
  utimesSync(join(mirror, 'holdfast-used'), 1, 1);
  mkdirSync(join(mirrors, 'x.git.abc.new'));
  expect(await git.pruneMirrors(Date.now() - 1000)).toBe(0);
  expect(readdirSync(mirrors)).not.toContain('x.git.abc.new');
  for (let round = 0; round < 21; round += 1) {
    moveMain(setting.server.pathOf('app'), String(round));
    await git.prepare('ses_2', source, credentials);
    await git.remove('ses_2');
  }
  expect(globSync('objects/pack/*.pack', { cwd: mirror }).length).toBeGreaterThan(20);
  await git.pruneMirrors(0);
  expect(globSync('objects/pack/*.pack', { cwd: mirror }).length).toBe(1);
  await git.remove('ses_1');
  expect(await git.pruneMirrors(Date.now() - 60_000)).toBe(0);
  expect(await git.pruneMirrors(Date.now() + 1000)).toBe(1);
  expect(existsSync(mirror)).toBe(false);
});

test('where the whole history does not come through, the commit alone does, and can be worked on and pushed', async () => {
  let posts = 0;
  const setting = await gitSetting(({ method, headers }) =>
    // Each try is a look at the refs and the transfer; the transfers of the first two tries break.
    method === 'POST' && Number(headers['content-length'] ?? 0) > 150 && (posts += 1) <= 2 ? { status: 502 } : null,
  );
  const { git, agent } = setting;
  const url = await setting.server.createRepository('app', files);
  const commit = moveMain(setting.server.pathOf('app'), 'moved');
  const source = { kind: 'repository', url } as const;
  const base = await git.prepare('ses_1', source, credentials);
  expect(base.commit).toBe(commit);
  expect(posts).toBe(3);
  const workTree = git.open('ses_1').workspace();
  await workTree.restore(base.tree);
  expect(await agent(workTree, 'git log --oneline | wc -l; git status --short; cat new.txt')).toBe('1\nmoved');
  await agent(workTree, 'echo more > more.txt');
  const tree = await workTree.snapshot(base.tree);
  const author = { name: 'a', email: 'a@b' };
  const made = await git.open('ses_1').commitTree({ tree, parent: commit, message: 'm', author, atMs: 0 });
  await git.push({ sessionId: 'ses_1', source, branch: 'feat/x', commit: made, expected: null, credentials });
  expect(await git.remoteHead({ source, branch: 'feat/x', credentials })).toBe(made);
});
