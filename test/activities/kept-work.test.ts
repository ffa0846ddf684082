import { describe, expect, onTestFinished, test } from 'vitest';
import type { Report } from '../../src/activities/report.ts';
import { termsOf } from '../../src/domain/delivery.ts';
import { HoldfastError } from '../../src/domain/failure.ts';
import { workBranchOf } from '../../src/domain/session.ts';
import type { Snapshot } from '../../src/domain/snapshot.ts';
import { startFakeForge } from '../support/forges/fake-forge.ts';
import { behind } from '../support/plant-repository.ts';
import { sampleRequest } from '../support/sample-task.ts';
import { executionSetting, type ExecutionSetting } from './execution-setting.ts';
import { SESSION } from './runner-setting.ts';

/** Sessions that fail with work done: where it is afterwards. */

const ASIDE = workBranchOf(SESSION);
const never = new AbortController().signal;

/** A session with work done, and the branches of its remote by name. */
async function withWork(agreed: Pick<Snapshot, 'branch' | 'terms'>, repository = 'app') {
  const script = { turns: [{ tools: [{ name: 'write', args: { path: 'a.txt', content: 'half done\n' } }] }] };
  const setting = await executionSetting(script, {
    delivery: 'branch',
    maxTurns: 1,
    plant: async (server, url) => ({
      kind: 'repository',
      url: repository === 'app' ? url : await server.createRepository(repository, { 'README.md': '# sample\n' }),
    }),
    ...agreed,
  });
  await setting.chunk(0);
  const git = behind(setting.server.pathOf(repository));
  const heads = () =>
    Object.fromEntries(
      git(['for-each-ref', '--format=%(refname:short) %(objectname)', 'refs/heads'])
        .split('\n')
        .map((line) => line.split(' ') as [string, string]),
    );
  return { ...setting, git, heads };
}

/** Ends a session, and answers what its report says of it. */
async function conclude({ execution, store }: Pick<ExecutionSetting, 'execution' | 'store'>): Promise<Report> {
  const { code, class: kind, message, remedy, retryable } = new HoldfastError('BLOCKED', 'There is no way on.');
  const failure = { code, class: kind, message, remedy, retryable };
  await execution.conclude(SESSION, { phase: 'FAILED', failure, from: 'EXECUTING' }, never);
  return JSON.parse((await store.artifacts.read(SESSION, 'report.json')).bytes.toString()) as Report;
}

const existing = { ...termsOf({}), branchUse: 'existing' } as const;
const allowed = { ...termsOf({}), allowDefaultBranch: true };

describe('work that nobody has verified', () => {
  test.each([
    ['is on the agreed branch where that is new', { branch: 'feat/new' }, null, 'feat/new'],
    ['is on a branch of ours where nothing was agreed', { branch: ASIDE }, null, ASIDE],
    ['stays away from a branch that it was to go on with', { branch: 'shared', terms: existing }, 'base', ASIDE],
    ['stays away from one that is gone meanwhile', { branch: 'shared', terms: existing }, null, ASIDE],
    ['stays away from a branch that is where it starts', { branch: 'shared' }, 'base', ASIDE],
    ['stays away from a branch that somebody else has taken', { branch: 'shared' }, 'theirs', ASIDE],
    ['stays away from the default branch', { branch: 'main' }, null, ASIDE],
    ['stays away from it also where a result may go there', { branch: 'main', terms: allowed }, null, ASIDE],
    [
      'stays away from it also where it is to be gone on with',
      { branch: 'main', terms: { ...allowed, branchUse: 'existing' as const } },
      null,
      ASIDE,
    ],
  ])('%s', async (_, agreed, there, expected) => {
    const setting = await withWork(agreed);
    const { git, heads } = setting;
    const theirs = git(['commit-tree', 'main^{tree}', '-p', 'main', '-m', 'somebody else was here']);
    if (there !== null) git(['update-ref', `refs/heads/${agreed.branch}`, there === 'base' ? 'main' : theirs]);
    const before = heads();
    const report = await conclude(setting);
    expect(report).toMatchObject({ branch: expected, verified: false });
    expect(report.skipped.join()).not.toContain('not on its branch');
    expect(report.reproduce.join()).toContain(`git fetch origin ${expected}`);
    expect(heads()).toEqual({ ...before, [expected]: report.commit });
    expect(git(['show', `${expected}:a.txt`])).toBe('half done');
    // Another attempt finds it there.
    expect(await conclude(setting)).toEqual(report);
    expect(heads()).toEqual({ ...before, [expected]: report.commit });
  });

  test.each([
    ['that its forge will protect', null],
    ['whose forge is away', { status: 503, body: {} }],
  ])('stays away from a branch %s, and asks nobody about its own', async (_, trouble) => {
    const fake = await startFakeForge('gitlab', { token: 'token', repository: 'acme/app', hasBranch: () => false });
    onTestFinished(() => fake.close());
    fake.state.protectedBranches.push('release/*', 'feat/*');
    fake.trouble = () => trouble;
    const pullRequest = sampleRequest({ kind: 'gitlab', baseUrl: fake.url });
    const setting = await withWork(
      { branch: 'release/1', terms: { ...termsOf({}), allowProtectedBranch: true, pullRequest } },
      'acme/app',
    );
    expect(await conclude(setting)).toMatchObject({ branch: ASIDE });
    expect(Object.keys(setting.heads())).toEqual([ASIDE, 'main']);
    expect(fake.calls.length).toBeGreaterThan(0);
    expect(fake.calls.join()).not.toContain('ai-task');
  });

  test('stays where an attempt that died has brought it, though the agreed branch is free by then', async () => {
    const setting = await withWork({ branch: 'shared' });
    const { git, heads } = setting;
    git(['update-ref', 'refs/heads/shared', 'main']);
    const { commit } = await conclude(setting);
    git(['update-ref', '-d', 'refs/heads/shared']);
    expect(await conclude(setting)).toMatchObject({ branch: ASIDE, commit });
    // As if that attempt had died right before the push.
    git(['update-ref', '-d', `refs/heads/${ASIDE}`]);
    expect(await conclude(setting)).toMatchObject({ branch: ASIDE, commit });
    expect(Object.keys(heads())).toEqual([ASIDE, 'main']);
  });

  test('goes aside where the agreed branch is taken between two attempts, and over nobody’s work', async () => {
    const setting = await withWork({ branch: 'feat/new' });
    const { git, heads } = setting;
    const { commit } = await conclude(setting);
    git(['update-ref', 'refs/heads/feat/new', 'main']);
    expect(await conclude(setting)).toMatchObject({ branch: ASIDE, commit });
    expect(heads()).toMatchObject({ [ASIDE]: commit, 'feat/new': heads()['main'] });
  });

  test('is told to be nowhere where another has taken both branches', async () => {
    const setting = await withWork({ branch: 'shared' });
    const { git, heads } = setting;
    for (const branch of ['shared', ASIDE]) git(['update-ref', `refs/heads/${branch}`, 'main']);
    const before = heads();
    const report = await conclude(setting);
    expect(report).toMatchObject({ branch: null, commit: null, changes: [{ path: 'a.txt' }] });
    expect(report.skipped.join()).toContain(`The work is not on its branch: The branch ${ASIDE} is at`);
    expect(heads()).toEqual(before);
  });
});
