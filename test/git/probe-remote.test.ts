import { expect, test } from 'vitest';
import { probeRemote } from '../../src/git/probe-remote.ts';
import { behind } from '../support/plant-repository.ts';
import { credentials, gitSetting } from './setting.ts';

async function remote() {
  const { git: manager, server } = await gitSetting();
  const url = await server.createRepository('app', { 'a.txt': 'one\n' });
  const run = behind(server.pathOf('app'));
  const git = (...args: string[]): string => run(args);
  const commitOn = (parent: string, message: string): string =>
    git('commit-tree', 'main^{tree}', '-p', parent, '-m', message);
  return { manager, url, git, commitOn, probe: (ref?: string) => probeRemote({ url, credentials }, ref) };
}

test('branches, tags of both kinds, and the heads of pull and merge requests are found by their names', async () => {
  const { git, commitOn, probe } = await remote();
  const [work, light, annotated, pull, merge] = ['w', 'l', 'a', 'p', 'm'].map((name) =>
    commitOn('main', name),
  ) as string[];
  git('update-ref', 'refs/heads/feat/x', work ?? '');
  git('tag', 'v1', light ?? '');
  git('tag', '-a', '-m', 'two', 'v2', annotated ?? '');
  git('update-ref', 'refs/pull/7/head', pull ?? '');
  git('update-ref', 'refs/merge-requests/8/head', merge ?? '');
  expect(await probe('feat/x')).toEqual({ commit: work, ref: 'refs/heads/feat/x' });
  expect(await probe('v1')).toEqual({ commit: light, ref: 'refs/tags/v1' });
  expect(await probe('v2')).toEqual({ commit: annotated, ref: 'refs/tags/v2' });
  expect(await probe('refs/tags/v2')).toEqual({ commit: annotated, ref: 'refs/tags/v2' });
  expect(await probe('refs/pull/7/head')).toEqual({ commit: pull, ref: 'refs/pull/7/head' });
  expect(await probe('refs/merge-requests/8/head')).toEqual({ commit: merge, ref: 'refs/merge-requests/8/head' });
});

test('each of them can be worked on', async () => {
  const { manager, git, commitOn, url } = await remote();
  const pull = commitOn('main', 'of the request');
  git('update-ref', 'refs/pull/7/head', pull);
  git('tag', '-a', '-m', 'two', 'v2', commitOn('main', 'tagged'));
  const unnamed = commitOn(pull, 'no ref points here');
  for (const [index, ref] of ['refs/pull/7/head', 'v2', unnamed].entries()) {
    const source = { kind: 'repository', url, ref } as const;
    const base = await manager.prepare(`ses_${index}`, source, credentials);
    expect(await manager.open(`ses_${index}`).listFiles(base.tree)).toEqual(['a.txt']);
  }
});

test('a branch goes before a tag of the same name, and a full name says which is meant', async () => {
  const { git, commitOn, probe } = await remote();
  const [branch, tag] = [commitOn('main', 'branch'), commitOn('main', 'tag')];
  git('update-ref', 'refs/heads/both', branch);
  git('update-ref', 'refs/tags/both', tag);
  expect(await probe('both')).toMatchObject({ commit: branch });
  expect(await probe('refs/tags/both')).toMatchObject({ commit: tag });
});

test('an abbreviated commit id is refused with the whole one that it may mean, and is a name where a branch has it', async () => {
  const { git, probe } = await remote();
  const commit = git('rev-parse', 'main');
  const short = probe(commit.slice(0, 8));
  await expect(short).rejects.toMatchObject({ code: 'REF_NOT_FOUND', message: expect.stringContaining(commit) });
  git('update-ref', 'refs/heads/cafe', 'main');
  expect(await probe('cafe')).toEqual({ commit, ref: 'refs/heads/cafe' });
});

test('a tag of something that is no commit is no place to start from', async () => {
  const { manager, git, url } = await remote();
  git('update-ref', 'refs/tags/tree', git('rev-parse', 'main^{tree}'));
  const source = { kind: 'repository', url, ref: 'refs/tags/tree' } as const;
  await expect(manager.prepare('ses_1', source, credentials)).rejects.toMatchObject({ code: 'REF_NOT_FOUND' });
});

test('an empty repository says that it is empty', async () => {
  const { git, probe } = await remote();
  git('update-ref', '-d', 'refs/heads/main');
  await expect(probe()).rejects.toMatchObject({ code: 'REF_NOT_FOUND', message: expect.stringContaining('empty') });
});
