import { expect, test } from 'vitest';
import { credentialFaults, givenSecrets } from '../../src/api/source-credentials.ts';
import { GitCredentials, gitCredentialsOf } from '../../src/domain/git-credentials.ts';

const over = (url: string) => ({ kind: 'repository', url }) as const;
const pathsOf = (url: string, credentials: GitCredentials): string[] =>
  credentialFaults(over(url), credentials).map(({ path }) => path.replace('source.credentials.', ''));

test('a repository over SSH needs a key and known hosts, and takes nothing else', () => {
  for (const url of ['git@host.example:x.git', 'ssh://git@host.example/x']) {
    expect(pathsOf(url, {})).toEqual(['sshKey', 'knownHosts']);
    expect(pathsOf(url, { sshKey: 'k', knownHosts: 'h' })).toEqual([]);
    expect(pathsOf(url, { sshKey: 'k', knownHosts: 'h', token: 't', ca: 'c' })).toEqual(['token', 'ca']);
  }
});

test('a repository over HTTP takes no key, and no name without a token', () => {
  expect(pathsOf('https://host.example/x', { sshKey: 'k', knownHosts: 'h' })).toEqual(['sshKey', 'knownHosts']);
  expect(pathsOf('https://host.example/x', { username: 'ada' })).toEqual(['token']);
  expect(pathsOf('https://host.example/x', { username: 'ada', token: 't', ca: 'c' })).toEqual([]);
});

test('what is no private key and no certificate is refused at the door', () => {
  const isFine = (credentials: object): boolean => GitCredentials.safeParse(credentials).success;
  const pem = (what: string): string => `-----BEGIN ${what}-----\nAAAA\n-----END ${what}-----\n`;
  for (const what of ['OPENSSH PRIVATE KEY', 'RSA PRIVATE KEY', 'PRIVATE KEY'])
    expect(isFine({ sshKey: pem(what) })).toBe(true);
  for (const text of ['ssh-ed25519 AAAA', pem('PUBLIC KEY'), pem('CERTIFICATE'), '/home/ada/.ssh/id_ed25519'])
    expect(isFine({ sshKey: text })).toBe(false);
  expect(isFine({ ca: pem('CERTIFICATE') + pem('CERTIFICATE') })).toBe(true);
  expect(isFine({ ca: pem('PRIVATE KEY') })).toBe(false);
});

test('what a resume brings is sealed under the names by which it is opened', () => {
  const secrets = givenSecrets({ gitSshKey: 'k', gitKnownHosts: 'h', gitCa: 'c', modelApiKey: 'm' });
  expect(secrets.get('model.apiKey')).toBe('m');
  expect(gitCredentialsOf((name) => secrets.get(name))).toEqual({ sshKey: 'k', knownHosts: 'h', ca: 'c' });
  expect(gitCredentialsOf((name) => (name === 'git.username' ? 'ada' : undefined))).toBeUndefined();
});
