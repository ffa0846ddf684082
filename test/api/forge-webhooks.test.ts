import { expect, test } from 'vitest';
import { forgeKinds } from '../../src/domain/forge.ts';
import { sampleSession } from '../support/sample-task.ts';
import { deliveryOf } from './forge-deliveries.ts';
import { deliveredSession as setting, SECRET, sha, url } from './forge-setting.ts';
import { api } from './setting.ts';

const each = forgeKinds.map((kind) => [kind] as const);

test.each(each)(
  '%s: a comment that asks starts a session that goes on with the branch, with the comment as what it is',
  async (kind) => {
    const { asked, store, tell, temporal } = await setting(kind);
    const { data, status } = await tell('comment', { text: '/holdfast rename it to y\nand say why' });
    expect([status, data['outcome'], asked]).toEqual([202, 'started', ['ada']]);
    const { task, state } = await store.sessions.get(data['sessionId'] ?? '');
    expect([state, temporal.sent.map(({ kind: sent, id }) => [sent, id])]).toEqual([
      'INIT',
      [['start', data['sessionId']]],
    ]);
    expect(task).toMatchObject({
      delivery: 'pull_request',
      branch: 'feat/x',
      source: { ref: 'feat/x' },
      auto: true,
      labels: ['mine'],
      terms: {
        branchUse: 'existing',
        pullRequest: { target: 'release/1', title: null, labels: ['agent'], followUps: true },
      },
      followUp: { url, sessionId: 'ses_1', trigger: 'comment' },
    });
    expect(task.userPrompt).toContain('ada asks for a change');
    expect(task.userPrompt).toContain('\n> rename it to y\n> and say why');
    expect(await store.secrets.get(data['sessionId'] ?? '', 'git.token')).toBe('the token');
  },
);

test.each(each)('%s: the same delivery, and the same comment under another id, start nothing again', async (kind) => {
  const { store, tell } = await setting(kind);
  const first = await tell('comment', { text: '/holdfast do it' });
  expect((await tell('comment', { text: '/holdfast do it' })).data).toEqual(first.data);
  expect((await tell('comment', { text: '/holdfast do it' }, 'd-2')).data).toEqual(first.data);
  expect(await store.sessions.live()).toEqual([first.data['sessionId']]);
  const other = await tell('comment', { text: '/holdfast do it', id: 8 }, 'd-3');
  expect(other.data['sessionId']).not.toBe(first.data['sessionId']);
});

test.each(each)(
  '%s: what died between the record and the start is finished by the next try of the forge',
  async (kind) => {
    const { store, tell, temporal } = await setting(kind);
    temporal.away = true;
    expect((await tell('comment', { text: '/holdfast do it' })).status).toBe(503);
    const [recorded] = await store.sessions.live();
    temporal.away = false;
    expect((await tell('comment', { text: '/holdfast do it' })).data['sessionId']).toBe(recorded);
  },
);

test.each([
  ['no command', { text: 'Looks good. /holdfast later' }],
  ['a command without a request', { text: '/holdfast ' }],
  ['a longer word', { text: '/holdfastly do it' }],
  ['words of Holdfast itself', { text: '/holdfast do it', author: 'holdfast-bot' }],
  ['somebody who may not push', { text: '/holdfast do it', author: 'eve' }],
  ['a request of somebody else', { text: '/holdfast do it', url: 'https://git.test/acme/app/pull/2' }],
])('a comment with %s is ignored, whatever the forge, and the reason is on record', async (_, told) => {
  for (const kind of forgeKinds) {
    const { store, tell } = await setting(kind);
    const { data, status } = await tell('comment', told);
    expect([status, data['outcome'], await store.sessions.live()]).toEqual([202, 'ignored', []]);
    expect(await store.pullRequests.outcomeOf(`${kind} d-1`)).toEqual(data);
  }
});

test.each(each)('%s: without pullRequest.followUps nothing follows, and nobody is asked', async (kind) => {
  const { asked, store, tell } = await setting(kind, { followUps: false });
  expect((await tell('comment', { text: '/holdfast do it' })).data['outcome']).toBe('ignored');
  expect((await tell('check', {}, 'd-2')).data['outcome']).toBe('ignored');
  expect([asked, await store.sessions.live()]).toEqual([[], []]);
});

test.each(each)(
  '%s: a check that fails on our newest commit starts one session, three times at most; one that passes starts none',
  async (kind) => {
    const { note, store, tell } = await setting(kind);
    expect((await tell('passed')).data['outcome']).toBe('ignored');
    const first = await tell('check', {}, 'd-2');
    expect(first.data['outcome']).toBe('started');
    expect((await tell('check', {}, 'd-3')).data).toEqual(first.data);
    const { task } = await store.sessions.get(first.data['sessionId'] ?? '');
    expect([task.followUp?.trigger, task.userPrompt.includes(sha)]).toEqual(['check', true]);
    for (const [index, id] of ['ses_2', 'ses_3', 'ses_4'].entries()) {
      await store.sessions.create(sampleSession(id, { task }));
      await note(id, 'check', 10 + index, String(index).repeat(40));
    }
    expect((await tell('check', {}, 'd-4')).data['reason']).toContain('not the newest commit');
    expect((await tell('check', { sha: '2'.repeat(40) }, 'd-5')).data['reason']).toContain('have tried to mend');
  },
);

test.each(each)('%s: a request that is closed gets no more sessions: the credentials kept for it go', async (kind) => {
  const { store, tell } = await setting(kind);
  expect((await tell('closed')).data['outcome']).toBe('forgotten');
  expect(await store.secrets.get('ses_1', 'git.token')).toBeUndefined();
  expect((await tell('push', {}, 'd-2')).data['outcome']).toBe('ignored');
});

test.each(each)('%s: what is not signed with a secret of ours is refused, and leaves nothing', async (kind) => {
  const { send, store } = await setting(kind);
  const told = { url, sha, text: '/holdfast do it' };
  const sound = deliveryOf(kind, 'comment', told, { id: 'd-1', secret: SECRET });
  const forged = deliveryOf(kind, 'comment', told, { id: 'd-1', secret: 'another secret' });
  const { 'x-hub-signature-256': _a, 'x-gitlab-token': _b, 'x-gitea-signature': _c, ...bare } = sound.headers;
  const changed = kind === 'gitlab' ? [] : [{ ...sound, body: sound.body.replace('do it', 'do that') }];
  for (const delivery of [forged, { ...sound, headers: bare }, ...changed]) {
    expect(await send(delivery)).toMatchObject({ status: 401, error: { code: 'UNAUTHORIZED' } });
  }
  expect([await store.sessions.live(), await store.pullRequests.outcomeOf(`${kind} d-1`)]).toEqual([[], undefined]);
  expect((await send(sound)).status).toBe(202);
});

test('a delivery without an id, of another forge, or to a server without a secret is refused', async () => {
  const { send } = await setting('github');
  const sound = deliveryOf('github', 'comment', { url, text: '/holdfast x' }, { id: 'd-1', secret: SECRET });
  const { 'x-github-delivery': _id, ...headers } = sound.headers;
  expect(await send({ ...sound, headers })).toMatchObject({ status: 422 });
  expect(await send(sound, 'bitbucket')).toMatchObject({ status: 422 });
  expect((await send(sound, 'gitea')).status).toBe(401);
  const { call } = api();
  const answer = await call('POST', '/v1/forges/github/webhook', { ...sound });
  expect(answer.status).toBe(404);
});
