import { expect, onTestFinished, test } from 'vitest';
import { probeRemote } from '../../src/git/probe-remote.ts';
import { startGitHttpServer } from '../../src/demo/git-http-server.ts';
import { openDirectory } from '../support/open-directory.ts';
import { authority, startTlsFront } from '../support/tls-front.ts';
import { credentials as usual, gitSetting } from './setting.ts';

async function repositoryFor(user: string, token: string): Promise<string> {
  const server = await startGitHttpServer({ root: openDirectory(), user, token });
  onTestFinished(() => server.close());
  return server.createRepository('group/app', { 'a.txt': 'one\n' });
}

test.each([
  ['a token alone, as GitHub, GitLab and Gitea take it', { token: 'pat-1' }, 'x-access-token'],
  ["GitLab's OAuth token", { username: 'oauth2', token: 'oauth-1' }, 'oauth2'],
  ['a name and a password with odd letters', { username: 'ada@example.test', token: 'p:ä ss' }, 'ada@example.test'],
])('%s opens a repository', async (_, credentials, user) => {
  const url = await repositoryFor(user, credentials.token);
  expect(await probeRemote({ url, credentials })).toMatchObject({ ref: 'refs/heads/main' });
  const other = probeRemote({ url, credentials: { ...credentials, username: 'somebody' } });
  await expect(other).rejects.toMatchObject({ code: 'REPOSITORY_AUTH_FAILED' });
});

test('a host whose certificate nobody vouches for is not talked to; with its authority it is, to read and to push', async () => {
  const { git, server } = await gitSetting();
  const credentials = usual;
  const url = await startTlsFront(await server.createRepository('app', { 'a.txt': 'one\n' }));
  await expect(probeRemote({ url, credentials })).rejects.toMatchObject({ code: 'HOST_UNTRUSTED', retryable: false });
  const known = { ...credentials, ca: authority };
  const source = { kind: 'repository', url } as const;
  const base = await git.prepare('ses_1', source, known);
  const push = { sessionId: 'ses_1', source, branch: 'feat/x', commit: base.commit, credentials: known };
  await git.push({ ...push, expected: null });
  expect(await git.remoteHead(push)).toBe(base.commit);
});

test('a certificate for another name is none, whoever signed it', async () => {
  const { server } = await gitSetting();
  const url = await startTlsFront(await server.createRepository('app', { 'a.txt': 'one\n' }));
  const credentials = { ...usual, ca: authority };
  const elsewhere = url.replace('127.0.0.1', '127.0.0.2');
  await expect(probeRemote({ url: elsewhere, credentials })).rejects.toMatchObject({
    code: expect.stringMatching(/HOST_UNTRUSTED|UNREACHABLE/),
  });
});
