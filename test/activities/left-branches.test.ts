import { execFileSync } from 'node:child_process';
import { expect, onTestFinished, test } from 'vitest';
import { Credentials } from '../../src/activities/credentials.ts';
import { LeftBranches } from '../../src/activities/left-branches.ts';
import { workBranchOf, type Phase } from '../../src/domain/session.ts';
import { Reaper } from '../../src/reaper.ts';
import { openStore } from '../../src/store/store.ts';
import { credentials, gitSetting } from '../git/setting.ts';
import { sampleSession, sampleTask } from '../support/sample-task.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const model = { spec: { provider: 'anthropic', id: 'm', thinkingLevel: 'off' }, key: () => undefined } as const;

/** Sessions that have pushed to a repository, and have ended long ago. */
async function setting(reapsBranches: boolean) {
  const { directory, server } = await gitSetting();
  const url = await server.createRepository('app', { 'README.md': '# x\n' });
  const git = (...args: string[]): string =>
    execFileSync('git', ['-c', 'safe.directory=*', ...args], { cwd: server.pathOf('app'), encoding: 'utf8' }).trim();
  const main = git('rev-parse', 'main');
  const store = openStore({ directory: temporaryDirectory() });
  onTestFinished(() => store.close());
  const outbound = { allowPrivate: true, networks: [] };
  const settings = { reapsBranches, outbound, workingDir: directory };
  const branches = new LeftBranches({ store, credentials: new Credentials(store, model), settings });
  const places = { dataDir: directory, sessionsDir: directory, workingDir: directory, agentDir: directory };
  const reaper = new Reaper(store, branches, { ...places, sessionKeepMs: 60_000 });
  const pushed = async (id: string, state: Phase, branch = workBranchOf(id)): Promise<void> => {
    const task = sampleTask({ source: { kind: 'repository', url }, branch });
    const secrets = (['git.token', 'git.username'] as const).map((name) =>
      store.secrets.seal({ tenant: 'default', id }, name, name === 'git.token' ? credentials.token : 'git'),
    );
    await store.sessions.create(sampleSession(id, { task, secrets }));
    git('update-ref', `refs/heads/${branch}`, main);
    await store.pushedBranches.note({ sessionId: id, branch, commit: main, at: 1 });
    await store.sessions.announce(id, { rev: 1, state, stage: 'failed', pause: null, at: 1 });
  };
  const heads = () => git('for-each-ref', '--format=%(refname:short)', 'refs/heads/feat').split('\n').filter(Boolean);
  return { branches, heads, main, pushed, reaper, server, store, url };
}

test('the branch of a failed session is told, and goes with the session only where that is set', async () => {
  for (const [isSet, left] of [
    [false, [workBranchOf('ses_a')]],
    [true, []],
  ] as const) {
    const { branches, heads, main, pushed, reaper, store, url } = await setting(isSet);
    await pushed('ses_a', 'FAILED');
    expect(await branches.needsCredentials('ses_a')).toBe(isSet);
    const told = { sessionId: 'ses_a', repository: url, branch: workBranchOf('ses_a'), commits: [main] };
    expect(await reaper.reap({ dryRun: true })).toMatchObject({ branches: [told], expired: ['ses_a'] });
    expect(heads()).toEqual([workBranchOf('ses_a')]);
    await reaper.reap({ dryRun: false });
    expect(heads()).toEqual(left);
    expect(await store.sessions.find('ses_a')).toBeUndefined();
    expect((await reaper.reap({ dryRun: true })).branches).toEqual([]);
  }
});

test('what was delivered, what was proposed, what is not over, and a branch that a caller named are nobody’s to remove', async () => {
  const { branches, heads, pushed, reaper, store } = await setting(true);
  await pushed('ses_done', 'COMPLETE');
  await pushed('ses_live', 'EXECUTING');
  await pushed('ses_named', 'FAILED', 'feat/of-somebody');
  await pushed('ses_proposed', 'FAILED');
  const noted = { sessionId: 'ses_proposed', head: 'c', viewer: null, trigger: 'task', at: 1 } as const;
  await store.pullRequests.note({ url: 'https://git.test/pull/1', ...noted });
  expect((await reaper.reap({ dryRun: true })).branches).toEqual([]);
  for (const id of ['ses_done', 'ses_live', 'ses_named', 'ses_proposed']) {
    expect(await branches.needsCredentials(id)).toBe(false);
    expect(await branches.remove(id)).toBeNull();
  }
  await reaper.reap({ dryRun: false });
  expect(heads()).toHaveLength(4);
});

test('a branch that a session at work goes on from stays until that one is over', async () => {
  const { main, pushed, reaper, store } = await setting(true);
  await pushed('ses_a', 'FAILED');
  await pushed('ses_next', 'EXECUTING', 'feat/next');
  await store.sessions.setBase('ses_next', { commit: main, tree: 't', ref: `refs/heads/${workBranchOf('ses_a')}` });
  expect((await reaper.reap({ dryRun: true })).branches).toEqual([]);
  await store.sessions.announce('ses_next', { rev: 2, state: 'COMPLETE', stage: 'completed', pause: null, at: 2 });
  expect((await reaper.reap({ dryRun: true })).branches).toHaveLength(1);
});

test('a remote that is gone keeps no session', async () => {
  const { pushed, reaper, server, store } = await setting(true);
  await pushed('ses_a', 'FAILED');
  await server.close();
  expect((await reaper.reap({ dryRun: false })).expired).toEqual(['ses_a']);
  expect(await store.sessions.find('ses_a')).toBeUndefined();
});
