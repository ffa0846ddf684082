import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { startGitHttpServer } from '../../src/demo/git-http-server.ts';
import { gitEnvironment } from '../../src/git/git-environment.ts';
import { pinnedAddress } from '../../src/git/pinned-address.ts';
import { probeRemote } from '../../src/git/probe-remote.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const strict = { allowPrivate: false, networks: [] };
const to =
  (...addresses: string[]) =>
  async () =>
    addresses.map((address) => ({ address }));

test.each([
  ['https://127.0.0.1/a', []],
  ['https://2130706433/a', []],
  ['https://0x7f.1/a', []],
  ['https://[::ffff:169.254.169.254]/a', []],
  ['https://name.example.test/a', ['10.0.0.1']],
  ['https://name.example.test/a', ['93.184.216.34', '::1']],
])('%s that leads to %j is refused, with the remedy', async (url, addresses) => {
  await expect(pinnedAddress(url, strict, to(...addresses))).rejects.toMatchObject({
    code: 'INVALID_REPOSITORY_URL',
    remedy: expect.stringContaining('OUTBOUND_PRIVATE_NETWORKS'),
  });
});

test('git is told the addresses that were checked', async () => {
  const pin = (url: string) => pinnedAddress(url, strict, to('93.184.216.34', '2606:2800::1'));
  expect(await pin('https://name.example.test/a')).toEqual({
    'http.curloptResolve': 'name.example.test:443:93.184.216.34,[2606:2800::1]',
  });
  expect(await pin('http://name.example.test:3000/a')).toMatchObject({
    'http.curloptResolve': expect.stringContaining('name.example.test:3000:'),
  });
});

test('git goes where it is told, whatever the name would lead to by then', async () => {
  const server = await startGitHttpServer({ root: temporaryDirectory(), user: 'git', token: 'token' });
  onTestFinished(() => server.close());
  const real = new URL(await server.createRepository('app', { 'a.txt': 'a' }));
  const url = `http://git:token@no-such-name.example.test:${real.port}${real.pathname}`;
  const pin = await pinnedAddress(url, { ...strict, networks: ['127.0.0.1/32'] }, to('127.0.0.1'));
  const env = gitEnvironment('http', pin);
  const { stdout } = await promisify(execFile)('git', ['ls-remote', url], { env });
  expect(stdout).toContain('refs/heads/main');
});

test('a repository on this machine is reached only where that is allowed', async () => {
  const server = await startGitHttpServer({ root: temporaryDirectory(), user: 'git', token: 'token' });
  onTestFinished(() => server.close());
  const url = (await server.createRepository('app', { 'a.txt': 'a' })).replace('127.0.0.1', 'localhost');
  const credentials = { username: 'git', token: 'token' };
  const refused = probeRemote({ url, credentials, network: strict });
  await expect(refused).rejects.toMatchObject({ code: 'INVALID_REPOSITORY_URL' });
  const network = { allowPrivate: false, networks: ['127.0.0.0/8', '::1/128'] };
  expect(await probeRemote({ url, credentials, network })).toMatchObject({ ref: 'refs/heads/main' });
});
