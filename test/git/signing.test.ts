import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { signingKeyFault } from '../../src/api/signing-key.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { credentials, gitSetting } from './setting.ts';

const author = { name: 'Ada', email: 'ada@example.test' };

/** A new key pair; the passphrase is empty unless one is given. */
function keyPair(kind: string, passphrase = '') {
  const file = join(temporaryDirectory(), 'key');
  execFileSync('ssh-keygen', ['-q', '-t', kind, '-N', passphrase, '-C', 'test', '-f', file]);
  return { secret: readFileSync(file, 'utf8'), shared: readFileSync(`${file}.pub`, 'utf8') };
}

async function begun() {
  const setting = await gitSetting();
  const url = await setting.server.createRepository('app', { 'a.txt': 'one\n' });
  const base = await setting.git.prepare('ses_1', { kind: 'repository', url }, credentials);
  const git = setting.git.open('ses_1');
  const facts = { tree: base.tree, parent: base.commit, message: 'm\n', author, atMs: 1_000_000 };
  return { ...setting, session: git, facts };
}

test.each(['ed25519', 'rsa'])('an %s key signs so that git verifies it, and each time the same', async (kind) => {
  const { directory, facts, session } = await begun();
  const { secret, shared } = keyPair(kind);
  const commit = await session.commitTree({ ...facts, signingKey: secret });
  expect(await session.commitTree({ ...facts, signingKey: secret })).toBe(commit);
  expect(await session.commitTree(facts)).not.toBe(commit);
  const signers = join(temporaryDirectory(), 'signers');
  writeFileSync(signers, `${author.email} ${shared}`);
  const config = ['-c', 'gpg.format=ssh', '-c', `gpg.ssh.allowedSignersFile=${signers}`, '-c', 'safe.directory=*'];
  const verify = (file: string[]) =>
    execFileSync('git', ['--git-dir', session.gitDir, ...file, 'verify-commit', '--raw', commit], { stdio: 'pipe' });
  verify(config);
  writeFileSync(signers, `${author.email} ${keyPair('ed25519').shared}`);
  expect(() => verify(config)).toThrow('Command failed');
  expect(existsSync(join(directory, 'ses_1', 'signing'))).toBe(false);
});

test('a key that cannot sign leaves no file, and neither does one that a killed attempt left', async () => {
  const { directory, facts, session } = await begun();
  const left = join(directory, 'ses_1', 'signing');
  mkdirSync(left, { mode: 0o700 });
  writeFileSync(join(left, 'key'), 'of a killed attempt', { mode: 0o600 });
  await expect(session.commitTree({ ...facts, signingKey: 'no key' })).rejects.toMatchObject({ code: 'GIT_FAILED' });
  expect(existsSync(left)).toBe(false);
});

test.each([
  ['an ed25519 key', () => keyPair('ed25519').secret, null],
  ['an RSA key', () => keyPair('rsa').secret, null],
  ['an ECDSA key, whose signatures differ', () => keyPair('ecdsa').secret, 'ed25519 or RSA'],
  ['a key with a passphrase', () => keyPair('ed25519', 'secret').secret, 'without a passphrase'],
  ['a public key', () => keyPair('ed25519').shared, 'format of OpenSSH'],
  ['something else', () => 'hello', 'format of OpenSSH'],
  ['a torn key', () => keyPair('ed25519').secret.replace(/(KEY-----\n[^\n]{24})[^-]*/, '$1\n'), 'must be'],
])('at the door, %s is judged', (_, make, fault) => {
  const found = signingKeyFault(make());
  if (fault === null) expect(found).toBeNull();
  else expect(found).toContain(fault);
});
