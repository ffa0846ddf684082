import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Fault } from '../../src/demo/git-http-server.ts';
import { canary } from '../support/canary-scan.ts';
import { until } from '../support/holdfast.ts';
import { behind } from '../support/plant-repository.ts';
import { canaries, startSetting, type Setting } from '../support/scripted-setting.ts';

/** More than git sends in one piece, see `http.postBuffer` of git-config(1). */
const PACK_BYTES = 3_000_000;

let setting: Setting;
let token = canaries.gitToken;
let fault: Fault = () => null;
beforeAll(async () => {
  setting = await startSetting({}, { gitToken: () => token, gitFault: (request) => fault(request) });
});
afterAll(() => setting.stop());
beforeEach(() => {
  token = canaries.gitToken;
  fault = () => null;
});

/** A session that follows the commands of its prompt. */
async function begin(repository: string, commands: readonly string[], changes: object = {}): Promise<string> {
  const { git, holdfast, request } = setting;
  const repoUrl = await git.createRepository(repository, { 'README.md': '# sample\n' });
  const userPrompt = ['Run this.', ...commands.map((command) => `0$ ${command}`)].join('\n');
  return holdfast.create(request('follows', repoUrl, { userPrompt, branch: 'feat/x', ...changes }));
}

/** Counts pushes with a pack, and cuts as many of them as told in the middle. */
function cutPacks(times: number): { count: number } {
  const pushes = { count: 0 };
  fault = ({ headers, method, url }) => {
    // Before a large pack git asks with an empty one, of four bytes, whether it may.
    const hasPack = method === 'POST' && url?.endsWith('/git-receive-pack') && headers['content-length'] !== '4';
    if (!hasPack) return null;
    pushes.count += 1;
    return pushes.count > times ? null : { cutAfterBytes: PACK_BYTES / 2 };
  };
  return pushes;
}

/** What the work branch of a repository has beyond main; the repository is sound. */
function commitsOf(repository: string): string[] {
  const git = behind(setting.git.pathOf(repository));
  git(['fsck', '--strict']);
  expect(git(['for-each-ref', '--format=%(refname)'])).toBe('refs/heads/feat/x\nrefs/heads/main');
  return git(['rev-list', 'main..feat/x']).split('\n');
}

test('a token that is revoked in mid-run pauses the session, and another one brings the same work as one commit', async () => {
  const { fileAt, holdfast, remoteSha } = setting;
  const commands = ['echo 1 >> a.txt', 'echo 2 >> a.txt'];
  const id = await begin('revoked', commands, { limits: { maxSteps: 1 } });
  expect((await holdfast.reach(id, 'PAUSED', 'COMPLETE', 'FAILED')).pause).toMatchObject({ code: 'BUDGET_REACHED' });
  token = canary('another-git-token');
  const resume = (body: object) => holdfast.call('POST', `/api/sessions/${id}/resume`, body);
  expect((await resume({ limits: { maxSteps: 20 } })).status).toBe(202);
  await until(async () => (await holdfast.session(id)).pause?.code === 'REPOSITORY_AUTH_FAILED');
  const paused = await holdfast.session(id);
  expect(paused.pause).toMatchObject({ reason: 'credentials' });
  expect([remoteSha('revoked', 'feat/x'), JSON.stringify(paused).includes(canaries.gitToken)]).toEqual([null, false]);

  expect((await resume({ credentials: { gitToken: token } })).status).toBe(202);
  const done = await holdfast.reach(id, 'COMPLETE', 'FAILED');
  expect(done).toMatchObject({ state: 'COMPLETE', usage: { turns: paused.usage.turns } });
  expect(commitsOf('revoked')).toEqual([done.result.commit]);
  expect(fileAt('revoked', 'feat/x', 'a.txt')).toBe('1\n2\n');
});

test('a pack that the server cuts in the middle is pushed again: one commit, and the branch at it', async () => {
  const { holdfast } = setting;
  const pushes = cutPacks(1);
  const id = await begin('cut', [`head -c ${PACK_BYTES} /dev/urandom > large.bin`]);
  const done = await holdfast.reach(id, 'COMPLETE', 'FAILED', 'PAUSED');
  expect(done).toMatchObject({ state: 'COMPLETE', result: { branch: 'feat/x' } });
  expect([pushes.count, commitsOf('cut')]).toEqual([2, [done.result.commit]]);
});

test('packs that are cut each time pause the session with the work kept; a resume brings it', async () => {
  const { holdfast, remoteSha } = setting;
  const pushes = cutPacks(3);
  const id = await begin('cut-often', [`head -c ${PACK_BYTES} /dev/urandom > large.bin`]);
  const paused = await holdfast.reach(id, 'COMPLETE', 'FAILED', 'PAUSED');
  expect(paused).toMatchObject({ state: 'PAUSED', pause: { code: 'REPOSITORY_UNREACHABLE' } });
  expect([pushes.count, remoteSha('cut-often', 'feat/x')]).toEqual([3, null]);
  expect((await holdfast.call('POST', `/api/sessions/${id}/resume`, {})).status).toBe(202);
  const done = await holdfast.reach(id, 'COMPLETE', 'FAILED');
  expect([done.state, pushes.count, commitsOf('cut-often')]).toEqual(['COMPLETE', 4, [done.result.commit]]);
});
