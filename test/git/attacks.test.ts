import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { probeRemote } from '../../src/git/probe-remote.ts';
import { openDirectory } from '../support/open-directory.ts';
import { behind, entry, plantTree } from '../support/plant-repository.ts';
import { credentials, gitSetting } from './setting.ts';

/** Attacks by a remote, by its content and by the agent, beside those of hostile-work-tree.test.ts and work-tree.test.ts. */

const files = { 'a.txt': 'one\n', 'src/b.txt': 'two\n' };

async function begin() {
  const setting = await gitSetting();
  const url = await setting.server.createRepository('app', files);
  const source = { kind: 'repository', url } as const;
  const base = await setting.git.prepare('ses_1', source, credentials);
  const session = setting.git.open('ses_1');
  const workTree = session.workspace();
  await workTree.restore(base.tree);
  return { ...setting, url, source, base, session, workTree };
}

test.each([
  ['a path into .git', '.git'],
  ['a path into .GIT', '.GIT'],
  ['a path that NTFS takes for .git', 'git~1'],
  ['a path that HFS+ takes for .git', '.g\u200cit'],
  ['a path that leads up', '..'],
])('a remote whose tree has %s is not brought in, and nothing of it is left', async (_, name) => {
  const { git, server, directory, url } = await begin();
  plantTree(server.pathOf('app'), (blob, tree) => entry('40000', name, tree(entry('100644', 'config', blob('evil')))));
  const prepared = git.prepare('ses_2', { kind: 'repository', url }, credentials);
  await expect(prepared).rejects.toMatchObject({ code: 'GIT_FAILED' });
  expect(readdirSync(directory).filter((file) => file.startsWith('ses_2'))).toEqual([]);
});

test.each([
  ['an option as its URL', '[submodule "x"]\n\tpath = x\n\turl = -u./payload\n'],
  ['a path that is an option', '[submodule "x"]\n\tpath = -x\n\turl = https://h.example/x\n'],
  ['a command as its update', '[submodule "x"]\n\tpath = x\n\turl = https://h.example/x\n\tupdate = !touch /tmp/RAN\n'],
  ['a name that leads up', '[submodule "../../x"]\n\tpath = x\n\turl = https://h.example/x\n'],
])('a remote with a submodule that has %s is not brought in', async (_, modules) => {
  const { git, server, url } = await begin();
  plantTree(server.pathOf('app'), (blob) => entry('100644', '.gitmodules', blob(modules)));
  const prepared = git.prepare('ses_2', { kind: 'repository', url }, credentials);
  await expect(prepared).rejects.toMatchObject({ code: 'GIT_FAILED' });
});

test('a .gitmodules that is a link to a file of the machine is not brought in', async () => {
  const { git, server, url } = await begin();
  plantTree(server.pathOf('app'), (blob) => entry('120000', '.gitmodules', blob('/etc/passwd')));
  await expect(git.prepare('ses_2', { kind: 'repository', url }, credentials)).rejects.toMatchObject({
    code: 'GIT_FAILED',
  });
});

test('a submodule that points elsewhere is neither fetched nor lost: nothing is asked of its host', async () => {
  const { git, server, url, session, agent } = await begin();
  let asked = 0;
  const elsewhere = createServer((_, response) => {
    asked += 1;
    response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void elsewhere.close());
  const other = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/x`;
  plantTree(server.pathOf('app'), (blob) =>
    Buffer.concat([
      entry('100644', '.gitmodules', blob(`[submodule "x"]\n\tpath = x\n\turl = ${other}\n`)),
      entry('160000', 'x', '1'.repeat(40)),
    ]),
  );
  const base = await git.prepare('ses_2', { kind: 'repository', url }, credentials);
  const workTree = git.open('ses_2').workspace();
  await workTree.restore(base.tree);
  await agent(workTree, 'echo more > more.txt; ls x');
  const taken = await workTree.snapshot(base.tree);
  const changes = await git.open('ses_2').changes(base.tree, taken);
  expect(changes.map(({ path, status }) => `${status} ${path}`)).toEqual(['created more.txt']);
  expect(asked).toBe(0);
  expect(await session.base()).not.toBeNull();
});

test('a remote that redirects to another host gets no token there, and is unreachable', async () => {
  const seen: (string | undefined)[] = [];
  const thief = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => thief.listen(0, '127.0.0.1', resolve));
  const redirecting = createServer((request, response) => {
    const port = (thief.address() as AddressInfo).port;
    response.writeHead(302, { location: `http://127.0.0.1:${port}${request.url}` }).end();
  });
  await new Promise<void>((resolve) => redirecting.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    thief.close();
    redirecting.close();
  });
  const url = `http://127.0.0.1:${(redirecting.address() as AddressInfo).port}/app.git`;
  await expect(probeRemote({ url, credentials })).rejects.toMatchObject({ code: 'REPOSITORY_UNREACHABLE' });
  expect(seen).toEqual([]);
});

test.each([
  '--upload-pack=touch RAN',
  '-oProxyCommand=touch RAN',
  'main:refs/heads/evil',
  '+refs/*:refs/*',
  'refs/heads/*',
  '',
])('the ref %j is the name of nothing, and no option', async (ref) => {
  const { url, directory } = await begin();
  await expect(probeRemote({ url, credentials }, ref)).rejects.toMatchObject({ code: 'REF_NOT_FOUND' });
  expect(existsSync(join(directory, 'RAN'))).toBe(false);
});

test('a branch that is named like an option is a branch', async () => {
  const { git, server, url } = await begin();
  behind(server.pathOf('app'))(['update-ref', 'refs/heads/--upload-pack=x', 'main']);
  const base = await git.prepare('ses_2', { kind: 'repository', url, ref: '--upload-pack=x' }, credentials);
  expect(base.ref).toBe('refs/heads/--upload-pack=x');
});

test('the configuration and hooks of a repository on this machine run nothing when it is read', async () => {
  const { git, server } = await begin();
  const path = server.pathOf('app');
  const trace = join(openDirectory(), 'RAN');
  for (const [key, value] of [
    ['uploadpack.packObjectsHook', `touch ${trace};`],
    ['core.fsmonitor', `touch ${trace};`],
    ['core.alternateRefsCommand', `touch ${trace};`],
    ['core.sshCommand', `touch ${trace};`],
  ])
    behind(path)(['config', String(key), String(value)]);
  mkdirSync(join(path, 'hooks'), { recursive: true });
  for (const hook of ['post-checkout', 'reference-transaction', 'pre-receive', 'post-upload-pack'])
    writeFileSync(join(path, 'hooks', hook), `#!/bin/sh\ntouch ${trace}\n`, { mode: 0o755 });
  const base = await git.prepare('ses_2', { kind: 'repository', url: path });
  expect(base.ref).toBe('refs/heads/main');
  expect(existsSync(trace)).toBe(false);
});

test.each([
  ['replaces the base commit in its own repository', 'git replace -f HEAD $(git commit-tree HEAD^{tree} -m evil)'],
  ['grafts its history', 'mkdir -p .git/info; git rev-parse HEAD > .git/info/grafts'],
  [
    'includes files of the machine in its configuration',
    'git config include.path /etc/passwd; git config extensions.worktreeConfig true',
  ],
  ['makes its repository one of another format', 'git config core.repositoryFormatVersion 99'],
  ['borrows from itself', 'echo ../objects > .git/objects/info/alternates'],
  ['leaves a merge, a rebase and a bisect open', 'touch .git/MERGE_HEAD .git/BISECT_LOG; mkdir -p .git/rebase-merge'],
  [
    'takes its files out of the index',
    'git update-index --skip-worktree a.txt; git update-index --assume-unchanged src/b.txt',
  ],
  [
    'excludes everything in its own repository',
    'mkdir -p .git/info; echo "*" > .git/info/exclude; git config core.excludesFile /workspace/all; echo "*" > all; rm all',
  ],
  [
    'makes its checkout sparse',
    'git config core.sparseCheckout true; mkdir -p .git/info; echo /nothing > .git/info/sparse-checkout',
  ],
])('an agent that %s changes nothing for the server: its change is taken, and nothing else', async (_, attack) => {
  const { agent, workTree, base, session } = await begin();
  await agent(workTree, `${attack}; echo more >> a.txt; echo more >> src/b.txt; echo new > new.txt`);
  const taken = await workTree.snapshot(base.tree);
  const changes = await session.changes(base.tree, taken);
  expect(changes.map(({ status, path }) => `${status} ${path}`)).toEqual([
    'modified a.txt',
    'created new.txt',
    'modified src/b.txt',
  ]);
});

test('programs that the agent plants under the names of ours are files like others, and are not run', async () => {
  const { agent, workTree, base } = await begin();
  await agent(
    workTree,
    `for n in git find bash sh mkdir rm head base64 mktemp; do printf '#!/bin/sh\\necho > /workspace/RAN' > $n; chmod +x $n; done; echo 'touch /workspace/RAN' > .bashrc`,
  );
  const taken = await workTree.snapshot(base.tree);
  await workTree.restore(base.tree);
  await workTree.restore(taken);
  expect(await agent(workTree, '/bin/ls RAN')).toContain('No such file');
});

test('links that lead in a circle, to themselves and to what is not there are links', async () => {
  const { agent, workTree, base, session } = await begin();
  await agent(
    workTree,
    'ln -s two one; ln -s one two; ln -s self self; ln -s /proc/self/environ env; mkdir d; ln -s ../d d/up',
  );
  const taken = await workTree.snapshot(base.tree);
  expect(await session.listFiles(taken)).toEqual(['a.txt', 'd/up', 'env', 'one', 'self', 'src/b.txt', 'two']);
  await workTree.restore(base.tree);
  await workTree.restore(taken);
  expect(await workTree.snapshot(base.tree)).toBe(taken);
});

test('names that differ in case alone, and bits beyond that of execution, are kept and dropped', async () => {
  const { agent, workTree, base } = await begin();
  await agent(workTree, 'echo 1 > Name; echo 2 > name; echo 3 > run; chmod 6777 run; chmod 1777 src');
  const taken = await workTree.snapshot(base.tree);
  await workTree.restore(base.tree);
  await workTree.restore(taken);
  expect(await agent(workTree, 'cat Name name; stat -c %a run')).toMatch(/^1\n2\n755\n$/);
});

test('tracked files that became pipes, sockets and directories are files again after a restore', async () => {
  const { agent, workTree, base } = await begin();
  await agent(workTree, 'rm a.txt; mkfifo a.txt; rm src/b.txt; mkdir -p src/b.txt/x/y; touch src/b.txt/x/y/z');
  await workTree.restore(base.tree);
  expect(await agent(workTree, 'cat a.txt src/b.txt')).toBe('one\ntwo\n');
});

test('a nested .git that names the directory of the server is a directory like others', async () => {
  const { agent, workTree, base, session } = await begin();
  await agent(
    workTree,
    `mkdir sub; echo "gitdir: ${session.gitDir}" > sub/.git; echo inner > sub/file; mkdir other; ln -s ${session.gitDir} other/.git; echo inner > other/file`,
  );
  const taken = await workTree.snapshot(base.tree).catch((error: unknown) => error);
  if (typeof taken !== 'string') return expect(taken).toMatchObject({ code: 'GIT_FAILED' });
  expect(await session.listFiles(taken)).toContain('sub/file');
  expect(await session.base()).toBe(base.commit);
});

test('more nested repositories than can be covered are refused in words, and a restore takes them away', async () => {
  const { agent, workTree, base } = await begin();
  await agent(workTree, 'for i in $(seq 501); do mkdir -p n$i/.git; done');
  await expect(workTree.snapshot(base.tree)).rejects.toMatchObject({
    code: 'GIT_FAILED',
    message: expect.stringContaining('501'),
  });
  await workTree.restore(base.tree);
  expect(await workTree.snapshot(base.tree)).toBe(base.tree);
});

test('twenty thousand files are taken, and taken back', async () => {
  const { agent, workTree, base, session } = await begin();
  await agent(
    workTree,
    "/usr/bin/python3 -c \"import os\nfor d in range(200):\n  os.mkdir(f'd{d}')\n  for f in range(100): open(f'd{d}/{f}', 'w').write(str(d * f))\"",
  );
  const taken = await workTree.snapshot(base.tree);
  expect((await session.listFiles(taken)).length).toBe(20_002);
  await workTree.restore(base.tree);
  expect(await workTree.snapshot(taken)).toBe(base.tree);
});

test('directories nested deeper than a path can name fail clearly, and go with the session', async () => {
  const { agent, workTree, base, git, directory } = await begin();
  const nest =
    'import os\nfor _ in range(600): os.mkdir("dddddddddd"); os.chdir("dddddddddd")\nopen("file", "w").write("deep")';
  await agent(workTree, `/usr/bin/python3 -c '${nest}'`);
  const taken = await workTree.snapshot(base.tree).catch((error: unknown) => error);
  if (typeof taken !== 'string') expect(taken).toMatchObject({ code: 'GIT_FAILED' });
  await git.remove('ses_1');
  expect(readdirSync(directory)).toEqual(['mirrors']);
});
