import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkSource } from '../../src/git/repository-url.ts';
import { openDirectory } from '../support/open-directory.ts';

test.each([
  'ext::sh -c id',
  'host.example.test:x.git',
  'git@host.example.test:-oProxyCommand=evil',
  'git@-oProxyCommand=evil:x.git',
  'git@host.example.test:x y.git',
  'git@host.example.test://x.git',
  'git@host.example.test:x`id`.git',
  '-oProxyCommand=evil@host.example.test:x.git',
  'ssh://host.example.test/x',
  'ssh://-oProxyCommand=evil/x',
  'ssh://git@-oProxyCommand=evil/x',
  'ssh://git:secret@host.example.test/x',
  'ssh://git@host.example.test/-x',
  'ssh://git@host.example.test',
  'ssh://git@host.example.test:0/x',
  'ssh://git@host.example.test:65536/x',
  'ssh://git@host.example.test/$(id)',
  'ssh://git@host.example.test/x?y',
  'SSH://git@host.example.test/x',
  'git+ssh://git@host.example.test/x',
  'git://host.example.test/x',
  '--upload-pack=evil',
  'https://user:secret@host.example.test/x',
  'https://host.example.test/x?y=1',
  'https://host.example.test/x#y',
  'https://host.example.test/a b',
  'https://host.example.test/\u0000',
  'ftp://host.example.test/x',
  'x/y',
  '',
])('%j is refused as a repository URL, without telling a password', (url) => {
  const check = () => checkSource({ kind: 'repository', url }, { allowedRoots: [] });
  expect(check).toThrow(
    expect.objectContaining({ code: 'INVALID_REPOSITORY_URL', message: expect.not.stringContaining('secret') }),
  );
});

test.each([
  'https://host.example.test/x.git',
  'http://127.0.0.1:8080/group/sub/x',
  'ssh://git@host.example.test/group/x.git',
  'ssh://git@[::1]:2222/~ada/x.git',
  'git@host.example.test:group/x.git',
])('%s is taken as it is', (url) => {
  expect(checkSource({ kind: 'repository', url }, { allowedRoots: [] })).toEqual({ kind: 'repository', url });
});

test('local paths are taken below an allowed root only, whatever links and dots say', () => {
  const root = openDirectory();
  for (const name of ['allowed/repo', 'other']) mkdirSync(join(root, name), { recursive: true });
  symlinkSync(join(root, 'other'), join(root, 'allowed', 'link'));
  const options = { allowedRoots: [join(root, 'allowed')] };
  const check = (path: string) => checkSource({ kind: 'directory', path }, options);
  expect(check(join(root, 'allowed/repo'))).toMatchObject({ path: join(root, 'allowed/repo') });
  expect(checkSource({ kind: 'repository', url: `file://${root}/allowed/repo` }, options)).toMatchObject({
    url: join(root, 'allowed/repo'),
  });
  for (const path of ['other', 'allowed/../other', 'allowed/link', 'allowed/none', 'allowed-not']) {
    expect(() => check(join(root, path))).toThrow(expect.objectContaining({ code: 'PATH_NOT_ALLOWED' }));
  }
  expect(() => check('relative')).toThrow(expect.objectContaining({ code: 'INVALID_REPOSITORY_URL' }));
});

test('the letters of an SSH host do not matter: one repository has one mirror', () => {
  const check = (url: string) => checkSource({ kind: 'repository', url }, { allowedRoots: [] });
  expect(check('git@Host.Example.Test:Group/X.git')).toMatchObject({ url: 'git@host.example.test:Group/X.git' });
  expect(check('ssh://git@HOST.example.test/X')).toMatchObject({ url: 'ssh://git@host.example.test/X' });
});
