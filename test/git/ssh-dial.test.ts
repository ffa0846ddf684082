import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { CredentialFiles } from '../../src/git/credential-files.ts';
import { gitEnvironment } from '../../src/git/git-environment.ts';
import { probeRemote } from '../../src/git/probe-remote.ts';
import { proxyCommand } from '../../src/git/ssh-dial.ts';
import { startSshServer } from '../support/ssh-server.ts';
import { gitSetting } from './setting.ts';

const strict = { allowPrivate: false, networks: [] };
const inside = { allowPrivate: false, networks: ['127.0.0.0/8'] };
const to =
  (...addresses: string[]) =>
  async () =>
    addresses.map((address) => ({ address }));

async function overSsh() {
  const { server } = await gitSetting();
  const ssh = await startSshServer();
  await server.createRepository('app', { 'a.txt': 'one\n' });
  return { ssh, path: server.pathOf('app'), sshKey: ssh.key };
}

test.each([
  ['ssh://git@127.0.0.1/a', []],
  ['ssh://git@[::1]:2222/a', []],
  ['git@[::ffff:169.254.169.254]:a', []],
  ['git@name.example.test:a', ['10.0.0.1']],
  ['ssh://git@name.example.test/a', ['93.184.216.34', 'fd00::1']],
  ['ssh://git@2130706433/a', ['127.0.0.1']],
])('%s that leads to %j is refused, with the remedy', async (url, addresses) => {
  await expect(proxyCommand(url, strict, to(...addresses))).rejects.toMatchObject({
    code: 'INVALID_REPOSITORY_URL',
    remedy: expect.stringContaining('OUTBOUND_PRIVATE_NETWORKS'),
  });
});

test('ssh is told the addresses that were checked and the port; it dials by itself what is an address', async () => {
  const told = await proxyCommand('git@name.example.test:a', strict, to('93.184.216.34', '2606:2800::1'));
  expect(told).toMatch(/ssh-dial-program\.mjs' '22' '93\.184\.216\.34' '2606:2800::1'$/);
  expect(await proxyCommand('ssh://git@name.example.test:2222/a', strict, to('93.184.216.34'))).toContain(" '2222' ");
  expect(await proxyCommand('ssh://git@93.184.216.34/a', strict)).toBe('none');
  const zone = await proxyCommand('git@a.example.test:a', { ...strict, networks: ['fe80::/10'] }, to('fe80::1%eth0'));
  expect(zone).toContain("'fe80::1%%eth0'");
});

test('ssh goes where it is told, whatever the name leads to, and asks for the key of the name', async () => {
  const { path, ssh, sshKey } = await overSsh();
  const name = 'no-such-name.example.test';
  const url = `ssh://${ssh.user}@${name}:${ssh.port}${path}`;
  // Nobody listens at the first one.
  const proxy = await proxyCommand(url, inside, to('127.0.0.2', '127.0.0.1'));
  const ask = async (knownHosts: string) => {
    using files = CredentialFiles.write('ssh', { sshKey, knownHosts }, proxy);
    return await promisify(execFile)('git', ['ls-remote', url], { env: { ...gitEnvironment('ssh'), ...files.env } });
  };
  expect((await ask(ssh.knownHosts.replace('127.0.0.1', name))).stdout).toContain('refs/heads/main');
  await expect(ask(ssh.knownHosts)).rejects.toThrow('Host key verification failed');
});

test('a repository on this machine is reached over SSH only where that is allowed', async () => {
  const { path, ssh, sshKey } = await overSsh();
  const url = `ssh://${ssh.user}@localhost:${ssh.port}${path}`;
  const credentials = { sshKey, knownHosts: ssh.knownHosts.replace('127.0.0.1', 'localhost') };
  const refused = { code: 'INVALID_REPOSITORY_URL' };
  await expect(probeRemote({ url, credentials, network: strict })).rejects.toMatchObject(refused);
  const network = { allowPrivate: true, networks: [] };
  expect(await probeRemote({ url, credentials, network })).toMatchObject({ ref: 'refs/heads/main' });
  const closed = probeRemote({ url: url.replace(/:\d+\//, ':1/'), credentials, network });
  await expect(closed).rejects.toMatchObject({
    code: 'REPOSITORY_UNREACHABLE',
    message: expect.stringContaining('ECONNREFUSED'),
  });
  const nowhere = probeRemote({ url: url.replace('localhost', 'nowhere.invalid'), credentials, network });
  await expect(nowhere).rejects.toMatchObject({ code: 'REPOSITORY_UNREACHABLE' });
});
