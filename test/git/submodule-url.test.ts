import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sharesCredentials, submoduleUrl } from '../../src/git/submodule-url.ts';
import { openDirectory } from '../support/open-directory.ts';

const https = 'https://h.example/a/b.git';
const scp = 'git@h.example:a/b.git';
const ssh = 'ssh://git@h.example:2222/a/b.git';
const at = (source: string, parent = source) => ({ source, parent, allowedRoots: [] });

test.each([
  ['../lib.git', https, 'https://h.example/a/lib.git'],
  ['../../o/lib.git', https, 'https://h.example/o/lib.git'],
  ['./lib.git', https, 'https://h.example/a/b.git/lib.git'],
  ['../lib.git', 'https://h.example:8443/a/b/', 'https://h.example:8443/a/lib.git'],
  ['https://other.example/x', https, 'https://other.example/x'],
  ['git@h.example:o/lib.git', https, 'https://h.example/o/lib.git'],
  ['ssh://git@h.example:22/o/lib.git', 'https://h.example:8443/a/b.git', 'https://h.example:8443/o/lib.git'],
  ['../lib.git', scp, 'git@h.example:a/lib.git'],
  ['../../lib.git', scp, 'git@h.example:lib.git'],
  ['ssh://git@h.example/o/lib.git', scp, 'ssh://git@h.example/o/lib.git'],
  ['https://h.example/x', scp, 'https://h.example/x'],
  ['../lib.git', ssh, 'ssh://git@h.example:2222/a/lib.git'],
])('the URL %s in a repository of %s is %s', (url, source, wanted) => {
  expect(submoduleUrl(url, at(source))).toBe(wanted);
});

test('a relative URL is taken from the repository that names it, and not from the source', () => {
  expect(submoduleUrl('../x', at(https, 'https://other.example/c/d.git'))).toBe('https://other.example/c/x');
});

test.each([
  ['file:///etc', https],
  ['FILE:///etc', https],
  ['/etc', https],
  ['/etc', scp],
  ['ext::sh -c id', https],
  ['ext::id', https],
  ['-u./payload', https],
  ['--upload-pack=id', https],
  ['git://h.example/x', https],
  ['http:x', https],
  ['git@other.example:x', https],
  ['git@other.example:x', scp],
  ['root@h.example:x', scp],
  ['git@h.example:x', ssh],
  ['git@-oProxyCommand=id:x', scp],
  ['https://user:secret@h.example/x', https],
  ['https://h.example/x?y', https],
  ['../../../x', https],
  ['../../../../x', https],
  ['../../../x', scp],
  ['../x/../../../y', https],
  ['..\\..\\x', https],
])('the URL %s in a repository of %s is refused', (url, source) => {
  expect(() => submoduleUrl(url, at(source))).toThrow(/URL/);
});

test('a local repository may name those below the allowed roots, and no others', () => {
  const [root, elsewhere] = [openDirectory(), openDirectory()];
  for (const path of [join(root, 'app'), join(root, 'lib'), join(elsewhere, 'x')]) mkdirSync(path);
  const origin = { source: join(root, 'app'), parent: join(root, 'app'), allowedRoots: [root] };
  expect(submoduleUrl('../lib', origin)).toBe(join(root, 'lib'));
  expect(submoduleUrl(`file://${root}/lib`, origin)).toBe(join(root, 'lib'));
  expect(() => submoduleUrl(join(elsewhere, 'x'), origin)).toThrow('allowed root');
  expect(() => submoduleUrl('../lib', { ...origin, allowedRoots: [] })).toThrow('allowed root');
});

test.each([
  [https, 'https://h.example/other.git', true],
  [https, 'https://h.example:8443/other.git', false],
  [https, 'http://h.example/other.git', false],
  [https, 'https://h.example.evil/other.git', false],
  [https, 'https://evil/h.example', false],
  [scp, 'ssh://git@h.example:22/x', true],
  [scp, 'ssh://git@h.example:2222/x', false],
  [scp, 'https://h.example/x', false],
  [https, scp, false],
  ['/srv/app', '/srv/lib', false],
])('what opens %s is shown to %s: %s', (source, url, shown) => {
  expect(sharesCredentials(source, url)).toBe(shown);
});
