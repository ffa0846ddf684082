import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { forgeTransport } from '../../src/activities/forge-transport.ts';
import { openForge } from '../../src/git/forges/open-forge.ts';
import { callGitea as call, gitea, hasNoGitea } from '../support/gitea.ts';
import { until } from '../support/holdfast.ts';
import { startSetting, type Setting } from '../support/scripted-setting.ts';

const HOOK_SECRET = 'canary-gitea-hook-41';
const acceptance = ['test -s mark.txt'];
const stamp = `${process.pid}-${Date.now()}`;
const worker = { name: `worker-${stamp}`, password: `pass-${stamp}` };
const asWorker = `Basic ${Buffer.from(`${worker.name}:${worker.password}`).toString('base64')}`;

async function newUser(username: string, password: string): Promise<void> {
  const email = `${username}@example.test`;
  await call('POST', '/admin/users', { username, password, email, must_change_password: false });
}

/** A repository of the owner of the token, which the worker may push to. */
async function repositoryFor(owner: string, name: string) {
  await call('POST', '/user/repos', { name, auto_init: true, private: true, default_branch: 'main' });
  await call('PUT', `/repos/${owner}/${name}/collaborators/${worker.name}`, { permission: 'write' });
  const path = `/repos/${owner}/${name}`;
  const shaOf = async (branch: string) => (await call('GET', `${path}/branches/${branch}`)).commit.id as string;
  return { path, url: `${gitea.url}/${owner}/${name}.git`, shaOf };
}

async function newToken(name: string): Promise<string> {
  const scopes = ['write:repository', 'write:issue', 'read:user'];
  return (await call('POST', `/users/${worker.name}/tokens`, { name, scopes }, asWorker)).sha1 as string;
}

describe.skipIf(hasNoGitea)('a whole session on a real Gitea', () => {
  let setting: Setting;
  let owner: string;

  beforeAll(async () => {
    owner = (await call('GET', '/user')).login;
    await newUser(worker.name, worker.password);
    setting = await startSetting({ FORGE_WEBHOOK_SECRET: HOOK_SECRET });
  });
  afterAll(() => setting.stop());

  const requestOn = (repoUrl: string, token: string, changes: object) =>
    setting.request('marked', repoUrl, {
      source: { repoUrl, credentials: { username: worker.name, token } },
      acceptance,
      ...changes,
    });

  test('it ends in a pull request; a comment there goes on with it, then a review, and nothing is doubled', async () => {
    const { holdfast } = setting;
    const { path, url, shaOf } = await repositoryFor(owner, `followed-${stamp}`);
    const config = { url: `${holdfast.url}/v1/forges/gitea/webhook`, content_type: 'json', secret: HOOK_SECRET };
    const events = ['issue_comment', 'pull_request', 'pull_request_comment', 'pull_request_review', 'status'];
    await call('POST', `${path}/hooks`, { type: 'gitea', active: true, events, config });
    const delivery = {
      delivery: 'pull_request',
      forge: { kind: 'gitea', baseUrl: gitea.url },
      pullRequest: { followUps: true, labels: ['agent'] },
    };
    const body = requestOn(url, await newToken('first'), { ...delivery, userPrompt: 'mark first please' });
    const id = await holdfast.create(body);
    const done = await holdfast.reach(id, 'COMPLETE', 'FAILED', 'PAUSED');
    expect(done).toMatchObject({ state: 'COMPLETE', result: { verified: true, pullRequest: { number: 1 } } });
    const { branch, commit } = done.result;
    expect(await shaOf(branch)).toBe(commit);
    expect(await call('GET', `${path}/pulls/1`)).toMatchObject({
      head: { sha: commit },
      body: expect.stringContaining(done.snapshot.digest),
    });

    let newest = commit;
    const known = new Set([id]);
    for (const [place, asks] of [
      ['issues/1/comments', { body: '/holdfast mark second, too' }],
      ['pulls/1/reviews', { body: '/holdfast mark third, too', event: 'REQUEST_CHANGES' }],
    ] as const) {
      await call('POST', `${path}/${place}`, asks);
      await until(async () => (await shaOf(branch)) !== newest, 60_000);
      const { items } = (await holdfast.call('GET', '/api/sessions')).body.data;
      const fresh = items.map((one: { sessionId: string }) => one.sessionId).filter((one: string) => !known.has(one));
      expect(fresh).toHaveLength(1);
      known.add(fresh[0]);
      const followed = await holdfast.reach(fresh[0], 'COMPLETE', 'FAILED', 'PAUSED');
      expect(followed).toMatchObject({ state: 'COMPLETE', result: { branch, pullRequest: { number: 1 } } });
      newest = followed.result.commit;
      expect(await shaOf(branch)).toBe(newest);
    }
    expect(await call('GET', `${path}/pulls?state=all`)).toHaveLength(1);
    const said = (await call('GET', `${path}/issues/1/comments`)) as { body: string; user: { login: string } }[];
    const ours = said.filter(({ user }) => user.login === worker.name);
    expect(ours.map((comment) => comment.body.includes(newest))).toEqual([true]);
  });

  test('who may push is known to a token without the rights of an administrator', async () => {
    const { path, url } = await repositoryFor(owner, `rights-${stamp}`);
    const [reader, writer] = [`reader-${stamp}`, `writer-${stamp}`];
    for (const [name, permission] of [
      [reader, 'read'],
      [writer, 'write'],
    ] as const) {
      await newUser(name, worker.password);
      await call('PUT', `${path}/collaborators/${name}`, { permission });
    }
    const access = { token: await newToken('rights'), transport: forgeTransport({ allowPrivate: true }) };
    const forge = openForge({ kind: 'gitea', baseUrl: gitea.url }, url, access);
    const asked = [owner, worker.name, writer, reader, 'nobody-at-all'];
    expect(await Promise.all(asked.map((name) => forge.mayPush(name)))).toEqual([true, true, true, false, false]);
  });

  test('a token that expires in mid-run pauses the session, and another one brings the work where it belongs', async () => {
    const { holdfast } = setting;
    const { url, shaOf } = await repositoryFor(owner, `expired-${stamp}`);
    const body = requestOn(url, await newToken('expires'), { userPrompt: 'mark it please', branch: 'feat/x' });
    const id = await holdfast.create(body);
    await holdfast.reach(id, 'EXECUTING', 'FAILED');
    await call('DELETE', `/users/${worker.name}/tokens/expires`, undefined, asWorker);
    const paused = await holdfast.reach(id, 'COMPLETE', 'FAILED', 'PAUSED');
    expect(paused).toMatchObject({ state: 'PAUSED', pause: { code: 'REPOSITORY_AUTH_FAILED', reason: 'credentials' } });
    const credentials = { gitToken: await newToken('renewed') };
    expect((await holdfast.call('POST', `/api/sessions/${id}/resume`, { credentials })).status).toBe(202);
    const done = await holdfast.reach(id, 'COMPLETE', 'FAILED');
    expect(done.state).toBe('COMPLETE');
    expect(await shaOf('feat/x')).toBe(done.result.commit);
  });

  test('a branch that somebody else takes meanwhile, and one that is protected, are left alone, and another name is asked for', async () => {
    const { holdfast } = setting;
    const { path, url, shaOf } = await repositoryFor(owner, `guarded-${stamp}`);
    const token = await newToken('guarded');
    const id = await holdfast.create(requestOn(url, token, { userPrompt: 'mark it please', branch: 'feat/taken' }));
    await holdfast.reach(id, 'EXECUTING', 'FAILED');
    await call('POST', `${path}/contents/theirs.txt`, {
      content: Buffer.from('theirs').toString('base64'),
      message: 'somebody else was here',
      new_branch: 'feat/taken',
    });
    const theirs = await shaOf('feat/taken');
    expect(await holdfast.reach(id, 'COMPLETE', 'FAILED', 'PAUSED')).toMatchObject({
      pause: { code: 'REMOTE_DIVERGED' },
    });
    const rules = { rule_name: 'release', enable_push: false };
    await call('POST', `${path}/branch_protections`, rules);
    const resume = (branch: string) => holdfast.call('POST', `/api/sessions/${id}/resume`, { branch });
    expect((await resume('release')).status).toBe(202);
    await until(async () => (await holdfast.session(id)).pause?.code === 'BRANCH_PROTECTED');
    expect((await resume('feat/free')).status).toBe(202);
    const done = await holdfast.reach(id, 'COMPLETE', 'FAILED');
    expect(done).toMatchObject({ state: 'COMPLETE', result: { branch: 'feat/free' } });
    expect([await shaOf('feat/taken'), await shaOf('feat/free')]).toEqual([theirs, done.result.commit]);
  });
});
