import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { forgeKinds } from '../../src/domain/forge.ts';
import { workBranchOf } from '../../src/domain/session.ts';
import { deliveryOf } from '../api/forge-deliveries.ts';
import { canary } from '../support/canary-scan.ts';
import { startFakeForge } from '../support/forges/fake-forge.ts';
import { behind } from '../support/plant-repository.ts';
import { canaries, startSetting, type Setting } from '../support/scripted-setting.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const HOOK_SECRET = canary('hook-secret');
let setting: Setting;
beforeAll(async () => {
  setting = await startSetting({ FORGE_WEBHOOK_SECRET: HOOK_SECRET });
});
afterAll(() => setting.stop());

const files = { 'README.md': '# sample\n' };
const acceptance = ['test -s mark.txt'];

/** Lets a repository refuse pushes to a branch, in the words of GitHub. */
function protect(repository: string, branch: string): void {
  const hooks = join(setting.git.pathOf(repository), 'hooks');
  mkdirSync(hooks, { recursive: true });
  const script = `#!/bin/sh
while read old new ref; do
  [ "$ref" != refs/heads/${branch} ] || { echo "error: GH006: Protected branch update failed for $ref." >&2; exit 1; }
done
`;
  writeFileSync(join(hooks, 'pre-receive'), script);
  chmodSync(join(hooks, 'pre-receive'), 0o755);
}

/** Moves a branch to a commit of somebody else, or makes it there. */
function takeBranch(repository: string, branch: string): string {
  const git = behind(setting.git.pathOf(repository));
  const commit = git(['commit-tree', 'main^{tree}', '-p', 'main', '-m', 'somebody else was here']);
  git(['update-ref', `refs/heads/${branch}`, commit]);
  return commit;
}

test.each(forgeKinds)(
  'a task ends in a pull request on %s: found in session, report and Markdown, with the digest in its body',
  async (kind) => {
    const { git, holdfast, remoteSha, request } = setting;
    const repository = `acme/pr-${kind}`;
    const hasBranch = (name: string) => remoteSha(repository, name) !== null;
    const fake = await startFakeForge(kind, { token: canaries.gitToken, repository, hasBranch });
    onTestFinished(() => fake.close());
    const repoUrl = await git.createRepository(repository, files);
    const pullRequest = { labels: ['agent'], reviewers: ['ada'] };
    const delivery = {
      delivery: 'pull_request',
      forge: { kind, baseUrl: fake.url },
      pullRequest,
      branch: 'holdfast/{slug}-{id}',
    };
    const id = await holdfast.create(request('marked', repoUrl, { acceptance, ...delivery }));
    const done = await holdfast.reach(id, 'COMPLETE', 'FAILED', 'PAUSED');
    expect(done).toMatchObject({
      state: 'COMPLETE',
      result: {
        kind: 'pull_request',
        verified: true,
        pullRequest: { forge: kind, number: 1, draft: false, notes: [] },
      },
    });
    expect(done.result.branch).toMatch(/^holdfast\/do-what-the-scenario-marked-says-[0-9a-f]{12}$/);
    expect(remoteSha(repository, done.result.branch)).toBe(done.result.commit);
    expect(fake.state.requests).toMatchObject([{ base: 'main', draft: false, labels: ['agent'], reviewers: ['ada'] }]);
    expect(fake.state.requests[0]?.body).toContain(done.snapshot.digest);
    const report = (await holdfast.call('GET', `/api/sessions/${id}/report`)).body.data;
    expect(report.pullRequest).toBe(done.result.pullRequest.url);
    const markdown = await holdfast.call('GET', `/api/sessions/${id}/report`, undefined, { accept: 'text/markdown' });
    expect(markdown.body).toContain(done.result.pullRequest.url);
    const { snapshot } = (await holdfast.call('GET', `/api/sessions/${id}/snapshot`)).body.data;
    expect(snapshot.terms.pullRequest).toMatchObject({ forge: { kind }, labels: ['agent'] });
  },
);

test('a forge that limits the rate is waited for, one that refuses the token pauses the session, and another token cures it', async () => {
  const { git, holdfast, request } = setting;
  const fake = await startFakeForge('gitea', { token: 'forge-token-2', repository: 'acme/cured' });
  onTestFinished(() => fake.close());
  const repoUrl = await git.createRepository('acme/cured', files);
  const delivery = {
    delivery: 'pull_request',
    forge: { kind: 'gitea', baseUrl: fake.url },
    forgeToken: 'forge-token-2',
  };
  let limited = 0;
  fake.trouble = ({ method }) => {
    if (method !== 'POST') return null;
    limited += 1;
    if (limited <= 4)
      return { status: 429, headers: { 'retry-after': String(limited % 2) }, body: { message: 'slow down' } };
    return limited === 5 ? { status: 401, body: { message: 'token expired' } } : null;
  };
  const id = await holdfast.create(request('marked', repoUrl, delivery));
  const paused = await holdfast.reach(id, 'COMPLETE', 'FAILED', 'PAUSED');
  expect(paused).toMatchObject({ state: 'PAUSED', pause: { code: 'FORGE_AUTH_FAILED', reason: 'credentials' } });
  const credentials = { forgeToken: 'forge-token-2' };
  await holdfast.call('POST', `/api/sessions/${id}/resume`, { credentials });
  expect(await holdfast.reach(id, 'COMPLETE', 'FAILED')).toMatchObject({ state: 'COMPLETE' });
  expect(fake.state.requests).toHaveLength(1);
});

test('a branch that somebody else took pauses the session with the choices; a resume with another branch delivers there', async () => {
  const { git, holdfast, remoteSha, request } = setting;
  const repoUrl = await git.createRepository('diverged', files);
  const theirs = takeBranch('diverged', 'feat/taken');
  const id = await holdfast.create(request('marked', repoUrl, { branch: 'feat/taken' }));
  const missing = await holdfast.reach(id, 'PREFLIGHT', 'PAUSED', 'COMPLETE', 'FAILED');
  expect(missing.state).toBe('PREFLIGHT'); // The dry run saw it.
  await holdfast.call('POST', `/api/sessions/${id}/abort`, {});

  const late = await holdfast.create(request('lines', repoUrl, { branch: 'feat/late', auto: false }));
  await holdfast.call('POST', `/api/sessions/${late}/preflight`, {});
  await holdfast.call('POST', `/api/sessions/${late}/execute`, {});
  const moved = takeBranch('diverged', 'feat/late'); // While the agent works.
  const paused = await holdfast.reach(late, 'PAUSED', 'COMPLETE', 'FAILED');
  expect(paused.pause).toMatchObject({ code: 'REMOTE_DIVERGED', remedy: expect.stringContaining('another `branch`') });
  expect(Object.keys(paused.pause.details.choices)).toEqual(['retry', 'newBranch', 'abort']);
  const resume = (body: object) => holdfast.call('POST', `/api/sessions/${late}/resume`, body);
  expect((await resume({ branch: '-x' })).status).toBe(422);
  expect((await resume({ branch: 'feat/late-2' })).status).toBe(202);
  const done = await holdfast.reach(late, 'COMPLETE', 'FAILED');
  expect(done).toMatchObject({ state: 'COMPLETE', result: { branch: 'feat/late-2' } });
  expect(remoteSha('diverged', 'feat/late-2')).toBe(done.result.commit);
  expect([remoteSha('diverged', 'feat/taken'), remoteSha('diverged', 'feat/late')]).toEqual([theirs, moved]);
});

test('the default branch is refused in preflight unless the task says so, and a protected one pauses with its own code', async () => {
  const { git, holdfast, remoteSha, request } = setting;
  const repoUrl = await git.createRepository('default', files);
  const before = remoteSha('default', 'main');
  const refused = await holdfast.create(request('marked', repoUrl, { branch: 'main', auto: false }));
  const answer = (await holdfast.call('POST', `/api/sessions/${refused}/preflight`, {})).body.data;
  expect(answer.canProceed).toBe(false);
  expect(JSON.stringify(answer.contract.items)).toContain('main is the default branch');
  await holdfast.call('POST', `/api/sessions/${refused}/abort`, {});
  expect(remoteSha('default', 'main')).toBe(before);

  const allowed = await holdfast.create(request('marked', repoUrl, { branch: 'main', allowDefaultBranch: true }));
  expect(await holdfast.reach(allowed, 'COMPLETE', 'FAILED', 'PAUSED')).toMatchObject({ state: 'COMPLETE' });
  expect(remoteSha('default', 'main')).not.toBe(before);

  protect('default', 'release');
  const guarded = await holdfast.create(request('marked', repoUrl, { branch: 'release' }));
  const paused = await holdfast.reach(guarded, 'COMPLETE', 'FAILED', 'PAUSED');
  expect(paused.pause).toMatchObject({ code: 'BRANCH_PROTECTED', message: expect.stringContaining('GH006') });
  await holdfast.call('POST', `/api/sessions/${guarded}/resume`, { branch: 'feat/allowed' });
  expect(await holdfast.reach(guarded, 'COMPLETE', 'FAILED')).toMatchObject({ result: { branch: 'feat/allowed' } });
});

test('a branch that the forge protects is refused in preflight, and pauses at the push, though the token could pass it over', async () => {
  const { git, holdfast, remoteSha, request } = setting;
  const repository = 'acme/guarded';
  const hasBranch = (name: string) => remoteSha(repository, name) !== null;
  const fake = await startFakeForge('github', { token: canaries.gitToken, repository, hasBranch });
  onTestFinished(() => fake.close());
  const repoUrl = await git.createRepository(repository, files);
  for (const branch of ['release', 'next'])
    behind(git.pathOf(repository))(['update-ref', `refs/heads/${branch}`, 'main']);
  const main = remoteSha(repository, 'main');
  fake.state.protectedBranches.push('release');
  const delivery = { delivery: 'pull_request', forge: { kind: 'github', baseUrl: fake.url }, auto: false };
  const terms = { ...delivery, pullRequest: { target: 'main' } };
  const refused = await holdfast.create(request('marked', repoUrl, { ...terms, branch: 'release' }));
  const answer = (await holdfast.call('POST', `/api/sessions/${refused}/preflight`, {})).body.data;
  expect(answer.canProceed).toBe(false);
  expect(JSON.stringify(answer.contract.items)).toContain('release is a protected branch');
  await holdfast.call('POST', `/api/sessions/${refused}/abort`, {});

  const id = await holdfast.create(request('lines', repoUrl, { ...terms, branch: 'next' }));
  await holdfast.call('POST', `/api/sessions/${id}/preflight`, {});
  await holdfast.call('POST', `/api/sessions/${id}/execute`, {});
  fake.state.protectedBranches.push('next'); // While the agent works.
  const paused = await holdfast.reach(id, 'PAUSED', 'COMPLETE', 'FAILED');
  expect(paused.pause).toMatchObject({ code: 'BRANCH_PROTECTED', remedy: expect.stringContaining('protection') });
  await holdfast.call('POST', `/api/sessions/${id}/resume`, { branch: 'feat/not-guarded' });
  const done = await holdfast.reach(id, 'COMPLETE', 'FAILED');
  expect(done).toMatchObject({ state: 'COMPLETE', result: { branch: 'feat/not-guarded' } });
  expect([remoteSha(repository, 'release'), remoteSha(repository, 'next')]).toEqual([main, main]);

  const bold = { ...terms, branch: 'release', allowProtectedBranch: true, auto: true };
  const allowed = await holdfast.create(request('marked', repoUrl, bold));
  expect(await holdfast.reach(allowed, 'COMPLETE', 'FAILED')).toMatchObject({ result: { branch: 'release' } });
  expect(remoteSha(repository, 'release')).not.toBe(main);
});

test('what the checks refuse leaves a branch that was there as it was: it is on a branch of its own, from where a new session goes on', async () => {
  const { fileAt, git, holdfast, remoteSha, request } = setting;
  const repoUrl = await git.createRepository('refused', files);
  const theirs = takeBranch('refused', 'shared');
  const going = { branch: 'shared', branchStrategy: 'existing', limits: { maxIterations: 0 } };
  const id = await holdfast.create(request('marked', repoUrl, { ...going, acceptance: ['false'] }));
  const failed = await holdfast.reach(id, 'COMPLETE', 'FAILED', 'PAUSED');
  expect(failed).toMatchObject({ state: 'FAILED', failure: { code: 'CHECKS_FAILED' } });
  const report = (await holdfast.call('GET', `/api/sessions/${id}/report`)).body.data;
  expect(report.branch).toBe(workBranchOf(id));
  expect(remoteSha('refused', report.branch)).toBe(report.commit);
  expect([report.base, remoteSha('refused', 'shared')]).toEqual([theirs, theirs]);

  const next = await holdfast.create(
    request('marked', repoUrl, { branch: report.branch, branchStrategy: 'existing', acceptance }),
  );
  const done = await holdfast.reach(next, 'COMPLETE', 'FAILED', 'PAUSED');
  expect(done).toMatchObject({ state: 'COMPLETE', result: { branch: report.branch, verified: true } });
  expect(behind(git.pathOf('refused'))(['rev-parse', `${report.branch}^`])).toBe(report.commit);
  expect(fileAt('refused', report.branch, 'mark.txt')).not.toBe('');
});

test('a comment that asks starts a session that goes on with the branch: one request, one report, a commit on top', async () => {
  const { fileAt, git, holdfast, remoteSha, request } = setting;
  const repository = 'acme/followed';
  const fake = await startFakeForge('gitea', { token: canaries.gitToken, repository });
  onTestFinished(() => fake.close());
  const repoUrl = await git.createRepository(repository, files);
  const forge = { kind: 'gitea', baseUrl: fake.url };
  const delivery = { delivery: 'pull_request', forge, pullRequest: { followUps: true } };
  const first = await holdfast.create(request('marked', repoUrl, { ...delivery, userPrompt: 'mark first please' }));
  const done = await holdfast.reach(first, 'COMPLETE', 'FAILED', 'PAUSED');
  expect(done).toMatchObject({ state: 'COMPLETE', result: { pullRequest: { draft: true } } });

  const told = { url: done.result.pullRequest.url, text: '/holdfast mark second, too', author: 'ada' };
  const signed = deliveryOf('gitea', 'comment', told, { id: 'd-1', secret: HOOK_SECRET });
  const send = async () => {
    const answer = await fetch(`${holdfast.url}/v1/forges/gitea/webhook`, { method: 'POST', ...signed });
    return ((await answer.json()) as { data: { outcome: string; sessionId: string } }).data;
  };
  const started = await send();
  expect(await send()).toEqual(started);
  const next = await holdfast.reach(started.sessionId, 'COMPLETE', 'FAILED', 'PAUSED');
  const { branch, commit } = done.result;
  expect(next).toMatchObject({ state: 'COMPLETE', result: { branch, pullRequest: { number: 1 } } });
  expect(remoteSha(repository, branch)).toBe(next.result.commit);
  expect(fileAt(repository, branch, 'mark.txt')).toBe('first\n'.repeat(4) + 'second\n'.repeat(4));
  const parent = behind(git.pathOf(repository))(['rev-parse', `${branch}^`]);
  expect(parent).toBe(commit);
  expect(fake.state.requests).toHaveLength(1);
  expect(fake.state.requests[0]?.body).toContain(next.snapshot.digest);
  expect(fake.state.comments.map(({ body }) => body.includes(next.result.commit))).toEqual([true]);
});

test('a patch leaves the repository alone, and git applies it to the base', async () => {
  const { git, holdfast, remoteSha, request } = setting;
  const repoUrl = await git.createRepository('patched', files);
  const before = remoteSha('patched', 'main');
  const id = await holdfast.create(request('marked', repoUrl, { delivery: 'patch', userPrompt: 'mark it please' }));
  const done = await holdfast.reach(id, 'COMPLETE', 'FAILED', 'PAUSED');
  expect(done).toMatchObject({ state: 'COMPLETE', result: { kind: 'patch', branch: null } });
  const work = temporaryDirectory();
  const run = (args: string[], input = '') =>
    execFileSync('git', ['-c', 'safe.directory=*', ...args], { cwd: work, input });
  run(['clone', '-q', git.pathOf('patched'), '.']);
  run(['apply', '-'], (await holdfast.call('GET', `/api/sessions/${id}/diff`)).body as string);
  expect(readFileSync(join(work, 'mark.txt'), 'utf8')).toBe('it\n'.repeat(4));
  const branches = behind(git.pathOf('patched'))(['branch', '--list']);
  expect([branches, remoteSha('patched', 'main')]).toEqual(['* main', before]);
});
