import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Base } from '../../src/domain/session.ts';
import type { GitManager } from '../../src/git/git-manager.ts';
import { probeRemote } from '../../src/git/probe-remote.ts';
import { credentials, gitSetting, type GitSetting } from './setting.ts';

const files = { 'a.txt': 'one\n' };

async function begun(setting: GitSetting) {
  const url = await setting.server.createRepository('app', files);
  const source = { kind: 'repository', url } as const;
  const base = await setting.git.prepare('ses_1', source, credentials);
  return { url, source, base };
}

/** Moves `main` of a repository on, as somebody else would. */
function moveMain(path: string): string {
  const git = (...args: string[]) =>
    execFileSync(
      'git',
      ['-c', 'safe.directory=*', '-c', 'user.name=x', '-c', 'user.email=x@y', '--git-dir', path, ...args],
      { encoding: 'utf8' },
    ).trim();
  const commit = git('commit-tree', 'main^{tree}', '-p', 'main', '-m', 'moved');
  git('update-ref', 'refs/heads/main', commit);
  return commit;
}

/** A commit of the session on top of its base. */
function commitOn(git: GitManager, { commit, tree }: Pick<Base, 'commit' | 'tree'>): Promise<string> {
  const author = { name: 'a', email: 'a@b' };
  return git.open('ses_1').commitTree({ tree, parent: commit, message: 'm', author, atMs: 0 });
}

test('a probe answers the commit of the default branch, of a branch, and of a commit id', async () => {
  const { server } = await gitSetting();
  const url = await server.createRepository('app', files);
  const head = await probeRemote({ url, credentials });
  expect(head).toMatchObject({ ref: 'refs/heads/main' });
  expect(await probeRemote({ url, credentials }, 'main')).toEqual(head);
  expect(await probeRemote({ url, credentials }, head.commit)).toEqual({ commit: head.commit, ref: head.commit });
});

test.each([
  ['a wrong token', { credentials: { username: 'git', token: 'wrong' } }, '', 'REPOSITORY_AUTH_FAILED'],
  ['no token', { credentials: undefined }, '', 'REPOSITORY_AUTH_FAILED'],
  ['a repository that is not there', {}, 'x', 'REPOSITORY_UNREACHABLE'],
])('a probe with %s says so', async (_, remote, suffix, code) => {
  const { server } = await gitSetting();
  const url = (await server.createRepository('app', files)).replace('app', `app${suffix}`);
  await expect(probeRemote({ url, credentials, ...remote })).rejects.toMatchObject({ code });
});

test('a probe of a ref that is missing names those that are there, and a closed port is unreachable', async () => {
  const { server } = await gitSetting();
  const url = await server.createRepository('app', files);
  await expect(probeRemote({ url, credentials }, 'nope')).rejects.toMatchObject({
    code: 'REF_NOT_FOUND',
    message: expect.stringContaining('main'),
  });
  await expect(probeRemote({ url: 'http://127.0.0.1:1/x' })).rejects.toMatchObject({ code: 'REPOSITORY_UNREACHABLE' });
});

test('the base stays where it was when the remote moves, on this worker and on one that has nothing yet', async () => {
  const setting = await gitSetting();
  const { git, server, directory } = setting;
  const { base, source } = await begun(setting);
  moveMain(server.pathOf('app'));
  expect(await git.prepare('ses_1', source, credentials)).toEqual(base);
  rmSync(directory, { recursive: true });
  await git.ensureBase('ses_1', source, base, credentials);
  expect(await git.open('ses_1').base()).toBe(base.commit);
  expect(await git.open('ses_1').listFiles(base.tree)).toEqual(['a.txt']);
});

test('a second session on a repository borrows from the mirror and sees what moved meanwhile', async () => {
  const setting = await gitSetting();
  const { git, server } = setting;
  const { source } = await begun(setting);
  const moved = moveMain(server.pathOf('app'));
  const [second, third] = await Promise.all(['ses_2', 'ses_3'].map((id) => git.prepare(id, source, credentials)));
  expect([second?.commit, third?.commit]).toEqual([moved, moved]);
});

test('a push arrives, and repeating it changes nothing', async () => {
  const setting = await gitSetting();
  const { git } = setting;
  const { base, source } = await begun(setting);
  const commit = await commitOn(git, base);
  const push = { sessionId: 'ses_1', source, branch: 'feat/x', commit, expected: null, credentials };
  await git.push(push);
  await git.push(push);
  expect(await git.remoteHead(push)).toBe(commit);
});

test('a push whose answer is lost is found done', async () => {
  let drop = false;
  const setting = await gitSetting(({ method, url }) =>
    drop && method === 'POST' && url?.endsWith('git-receive-pack') ? 'drop answer' : null,
  );
  const { git } = setting;
  const { base, source } = await begun(setting);
  drop = true;
  await git.push({ sessionId: 'ses_1', source, branch: 'feat/x', commit: base.commit, expected: null, credentials });
  expect(await git.remoteHead({ source, branch: 'feat/x', credentials })).toBe(base.commit);
});

test('a push whose pack is cut by the server leaves nothing there, and is made by the next try', async () => {
  let isCutting = false;
  const setting = await gitSetting(({ headers, method, url }) => {
    const isPush = method === 'POST' && url?.endsWith('git-receive-pack');
    return isCutting && isPush ? { cutAfterBytes: Number(headers['content-length']) - 60 } : null; // The pack stands at the end.
  });
  const { git } = setting;
  const { base, source } = await begun(setting);
  const commit = await commitOn(git, base);
  const push = { sessionId: 'ses_1', source, branch: 'feat/x', commit, expected: null, credentials };
  isCutting = true;
  await expect(git.push(push)).rejects.toMatchObject({ code: 'REPOSITORY_UNREACHABLE', retryable: true });
  expect(await git.remoteHead(push)).toBeNull();
  isCutting = false;
  await git.push(push);
  expect(await git.remoteHead(push)).toBe(commit);
});

test('a branch that somebody else moved is never overwritten', async () => {
  const setting = await gitSetting();
  const { git, server } = setting;
  const { base, source } = await begun(setting);
  const theirs = moveMain(server.pathOf('app'));
  const commit = await commitOn(git, base);
  for (const expected of [null, base.commit]) {
    const push = git.push({ sessionId: 'ses_1', source, branch: 'main', commit, expected, credentials });
    await expect(push).rejects.toMatchObject({ code: 'REMOTE_DIVERGED' });
  }
  expect(await git.remoteHead({ source, branch: 'main', credentials })).toBe(theirs);
});

test('a dry run tells whether a push would be taken, and pushes nothing', async () => {
  let readOnly = false;
  const setting = await gitSetting(({ url }) => (readOnly && url?.includes('receive-pack') ? { status: 403 } : null));
  const { git } = setting;
  const { base, source } = await begun(setting);
  const push = { sessionId: 'ses_1', source, branch: 'feat/x', commit: base.commit, credentials };
  await git.probePush(push);
  expect(await git.remoteHead(push)).toBeNull();
  readOnly = true;
  await expect(git.probePush(push)).rejects.toMatchObject({ code: 'REPOSITORY_AUTH_FAILED' });
});

test('a server error is no end: it is unreachable, which can be tried again', async () => {
  const setting = await gitSetting(() => ({ status: 503 }));
  const url = await setting.server.createRepository('app', files);
  await expect(probeRemote({ url, credentials })).rejects.toMatchObject({
    code: 'REPOSITORY_UNREACHABLE',
    retryable: true,
  });
});

test('the token is in no process list, file or error message, and an abort ends a stalled fetch', async () => {
  let stall = false;
  const setting = await gitSetting(() => (stall ? 'stall' : null));
  const { git, directory } = setting;
  const { source } = await begun(setting);
  stall = true;
  const controller = new AbortController();
  const probing = git.probe({ source, credentials, signal: controller.signal });
  const outcome = probing.catch((error: unknown) => error);
  const commands = new Set<string>();
  while (![...commands].some((line) => line.includes('ls-remote'))) {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        commands.add(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
      } catch {
        // Gone since it was listed.
      }
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  controller.abort(new Error('enough'));
  expect(await outcome).toMatchObject({ message: 'enough' });
  expect([...commands].join('\n')).not.toContain(credentials.token);
  const encoded = Buffer.from(`git:${credentials.token}`).toString('base64');
  for (const file of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const path = join(directory, file);
    if (!statSync(path).isFile()) continue;
    const content = readFileSync(path, 'latin1');
    expect(content.includes(credentials.token) || content.includes(encoded)).toBe(false);
  }
});

test('a remote that says the token again, in whatever form, is quoted without it', async () => {
  const setting = await gitSetting();
  const { base, source } = await begun(setting);
  const hooks = join(setting.server.pathOf('app'), 'hooks');
  mkdirSync(hooks, { recursive: true });
  const { token } = credentials;
  const encoded = Buffer.from(`git:${token}`).toString('base64');
  const hook = `#!/bin/sh\necho 'you are ${token}, or ${encoded}'\nexit 1\n`;
  writeFileSync(join(hooks, 'pre-receive'), hook, { mode: 0o755 });
  const push = { sessionId: 'ses_1', source, branch: 'feat/x', commit: base.commit, credentials, expected: null };
  const error = await setting.git.push(push).catch((refusal: unknown) => refusal as Error);
  const said = JSON.stringify(error, Object.getOwnPropertyNames(error));
  expect(said.match(/\[redacted:git\.token\]/g)?.length).toBeGreaterThanOrEqual(2);
  expect(said).not.toContain(token);
  expect(said).not.toContain(encoded.slice(8, -8));
});
