import { expect, test } from 'vitest';
import type { ForgeKind } from '../../src/domain/forge.ts';
import { signedDelivery } from './forge-deliveries.ts';
import { githubReview, giteaReview, sayings, workflowRun } from './forge-reviews.ts';
import { deliveredSession, SECRET, sha, url } from './forge-setting.ts';

/** A session that has delivered, and a forge that tells of its request. */
async function setting(kind: ForgeKind) {
  const made = await deliveredSession(kind);
  const hear = async (payload: readonly [string, object], id = 'd-1') =>
    (await made.send(signedDelivery(kind, payload, { id, secret: SECRET }))).data;
  return { ...made, hear };
}

test.each(sayings)('%s: %s that asks starts one session, told twice and again', async (kind, _, saying, place) => {
  const { asked, hear, store, temporal } = await setting(kind);
  const said = saying({ text: '/holdfast call it total,\nnot sum' });
  const first = await hear(said);
  expect([first['outcome'], asked]).toEqual(['started', ['ada']]);
  expect(await hear(said)).toEqual(first);
  expect(await hear(said, 'of-a-replay-or-a-second-webhook')).toEqual(first);
  expect(await store.sessions.live()).toEqual([first['sessionId']]);
  expect(new Set(temporal.sent.map(({ id }) => id))).toEqual(new Set([first['sessionId']]));
  const { task } = await store.sessions.get(first['sessionId'] ?? '');
  expect(task.followUp).toEqual({ url, sessionId: 'ses_1', trigger: 'comment' });
  expect(task.userPrompt).toContain('\n> call it total,\n> not sum');
  if (place !== null) expect(task.userPrompt).toContain(`about "${place}"`);
});

test.each(sayings)(
  '%s: %s that does not ask, or by who may not, starts none, and says why',
  async (kind, _, saying) => {
    const { hear, store } = await setting(kind);
    const text = '/holdfast do it';
    const nothing = { outcome: 'ignored', reason: 'it does not begin with /holdfast and a request' };
    expect(await hear(saying({ text: '' }), 'd-1')).toEqual(nothing);
    expect(await hear(saying({ text: 'Looks good.' }), 'd-2')).toEqual(nothing);
    const refused = { outcome: 'ignored', reason: 'eve may not push to the repository' };
    expect(await hear(saying({ text, author: 'eve' }), 'd-3')).toEqual(refused);
    const own = { outcome: 'ignored', reason: 'it is by a program' };
    expect(await hear(saying({ text, author: 'holdfast-bot' }), 'd-4')).toEqual(own);
    expect([await store.sessions.live(), await store.pullRequests.outcomeOf(`${kind} d-3`)]).toEqual([[], refused]);
  },
);

test.each(sayings)('%s: the same words in a later one of %s start another session', async (kind, _, saying) => {
  const { hear, store } = await setting(kind);
  const first = await hear(saying({ text: '/holdfast do it', id: 7, second: 1 }), 'd-1');
  const later = await hear(saying({ text: '/holdfast do it', id: 8, second: 2 }), 'd-2');
  expect(await store.sessions.live()).toHaveLength(2);
  expect(later).toMatchObject({ outcome: 'started' });
  expect(later['sessionId']).not.toBe(first['sessionId']);
});

test.each(['github', 'gitea'] as const)(
  '%s: a workflow that failed starts one session, which other checks of the same commit do not double',
  async (kind) => {
    const { hear, store, tell } = await setting(kind);
    const nothing = { outcome: 'ignored', reason: 'nothing follows from it' };
    expect(await hear(workflowRun(null, 'in_progress'), 'd-1')).toEqual(nothing);
    expect(await hear(workflowRun('success'), 'd-2')).toEqual(nothing);
    expect(await hear(workflowRun('cancelled'), 'd-3')).toEqual(nothing);
    const first = await hear(workflowRun('failure'), 'd-4');
    expect(first).toMatchObject({ outcome: 'started' });
    expect(await hear(workflowRun('failure'), 'd-5')).toEqual(first);
    expect((await tell('check', {}, 'd-6')).data).toEqual(first);
    expect(await store.sessions.live()).toEqual([first['sessionId']]);
    const { task } = await store.sessions.get(first['sessionId'] ?? '');
    expect([task.followUp?.trigger, task.userPrompt]).toEqual([
      'check',
      expect.stringContaining(`The check "CI" failed on the commit ${sha}`),
    ]);
  },
);

const asking = { text: '/holdfast do it' };
const [, reviewed] = giteaReview('comment')(asking);

test.each([
  ['github', 'a review that is edited', githubReview('commented', 'edited')(asking)],
  ['github', 'a review that is dismissed', githubReview('dismissed', 'dismissed')(asking)],
  ['gitea', 'a review that is asked for', ['pull_request', { ...reviewed, action: 'review_requested' }]],
  ['gitea', 'a review without words of any form', ['pull_request_comment', { ...reviewed, review: null }]],
] as const)('%s: nothing follows from %s', async (kind, _, payload) => {
  const { asked, hear, store } = await setting(kind);
  expect(await hear(payload)).toEqual({ outcome: 'ignored', reason: 'nothing follows from it' });
  expect([asked, await store.sessions.live()]).toEqual([[], []]);
});
