import { expect, test } from 'vitest';
import { forgeOf, repositoryOn } from '../../src/domain/forge.ts';

test.each([
  ['https://github.com/acme/app.git', 'github', 'acme/app'],
  ['https://github.com/acme/app/', 'github', 'acme/app'],
  ['git@github.com:acme/app.git', 'github', 'acme/app'],
  ['ssh://git@ssh.github.com:443/acme/app.git', 'github', 'acme/app'],
  ['https://GitLab.com/group/sub/deep/app.git', 'gitlab', 'group/sub/deep/app'],
  ['https://codeberg.org/acme/app', 'gitea', 'acme/app'],
])('%s lies on %s as %s', (url, kind, repository) => {
  const spec = forgeOf(url);
  expect(spec?.kind).toBe(kind);
  expect(repositoryOn(spec ?? { baseUrl: 'https://none.test' }, url)).toBe(repository);
});

test.each([
  'https://git.example.com/acme/app.git',
  'https://github.com.evil.test/acme/app',
  '/srv/git/app.git',
  'file:///x/y',
])('the host of %s does not say which forge it is', (url) => {
  expect(forgeOf(url)).toBeNull();
});

test.each([
  ['https://example.com/gitlab', 'https://example.com/gitlab/group/app.git', 'group/app'],
  ['https://example.com/gitlab/', 'git@example.com:group/app.git', 'group/app'],
  ['https://git.example.com', 'ssh://git@git.example.com:2222/group/app', 'group/app'],
  ['https://git.example.com', 'https://git.example.com/app.git', null],
  ['https://git.example.com', 'https://git.example.com/a/../b', null],
  ['https://git.example.com', '/srv/git/app.git', null],
])('on %s, %s is %s', (baseUrl, url, repository) => {
  expect(repositoryOn({ baseUrl }, url)).toBe(repository);
});
