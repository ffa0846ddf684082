import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { removeBranch } from '../../src/git/remove-branch.ts';
import { credentials, gitSetting } from './setting.ts';

const BRANCH = 'feat/ai-task-1';
const REF = `refs/heads/${BRANCH}`;

/** A repository with a branch of ours, and git at work behind it. */
async function setting() {
  const asked: { url: string; does: () => void }[] = [];
  const { directory, server } = await gitSetting((request) => {
    asked.find(({ url: end }) => request.url?.endsWith(end) === true)?.does();
    return null;
  });
  const url = await server.createRepository('app', { 'README.md': '# x\n' });
  const git = (...args: string[]): string =>
    execFileSync('git', ['-c', 'safe.directory=*', '-c', 'user.name=x', '-c', 'user.email=x@y', ...args], {
      cwd: server.pathOf('app'),
      encoding: 'utf8',
    }).trim();
  const commit = (message: string): string => git('commit-tree', 'main^{tree}', '-p', 'main', '-m', message);
  const ours = commit('ours');
  git('update-ref', REF, ours);
  const remove = (commits: readonly string[]) =>
    removeBranch(join(directory, 'nothing.git'), { url, credentials }, { branch: BRANCH, commits });
  const head = (): string => git('for-each-ref', '--format=%(objectname)', REF);
  return {
    git,
    commit,
    ours,
    remove,
    head,
    when: (end: string, does: () => void) => void asked.push({ url: end, does }),
  };
}

test('a branch that is where we pushed it is removed, whichever of our pushes it was; done again it is gone', async () => {
  const { commit, head, ours, remove } = await setting();
  expect(await remove([commit('an earlier one'), ours])).toBe('removed');
  expect(head()).toBe('');
  expect(await remove([ours])).toBe('gone');
});

test('a branch that somebody has pushed to since stays', async () => {
  const { commit, git, head, ours, remove } = await setting();
  const theirs = commit('theirs');
  git('update-ref', REF, theirs);
  expect(await remove([ours])).toBe('moved');
  expect(head()).toBe(theirs);
});

test.each([
  ['between the look and the push', '?service=git-receive-pack'],
  ['while the push is on its way', '/git-receive-pack'],
])('a branch that somebody pushes to %s stays', async (_, end) => {
  const { commit, git, head, ours, remove, when } = await setting();
  const theirs = commit('theirs');
  when(end, () => git('update-ref', REF, theirs));
  expect(await remove([ours])).toBe('moved');
  expect(head()).toBe(theirs);
});

test.each(['refs/pull/7/head', 'refs/merge-requests/7/head', 'refs/pull-requests/7/from', 'refs/pull/7/merge'])(
  'a branch whose commit a request is about, or may be, as %s tells, stays',
  async (ref) => {
    const { git, head, ours, remove } = await setting();
    git('update-ref', ref, ours);
    expect(await remove([ours])).toBe('requested');
    expect(head()).toBe(ours);
  },
);

test('the default branch stays', async () => {
  const { git, head, ours, remove } = await setting();
  git('symbolic-ref', 'HEAD', REF);
  expect(await remove([ours])).toBe('default');
  expect(head()).toBe(ours);
});
