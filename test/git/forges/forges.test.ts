import { expect, onTestFinished, test } from 'vitest';
import { forgeTransport } from '../../../src/activities/forge-transport.ts';
import { forgeKinds, type ForgeKind } from '../../../src/domain/forge.ts';
import { openForge } from '../../../src/git/forges/open-forge.ts';
import { startFakeForge } from '../../support/forges/fake-forge.ts';
import { opened, type FakeState } from '../../support/forges/fake-state.ts';

const TOKEN = 'canary-forge-7d10';
const merge = { head: 'feat/x', target: 'main' };
const wanted = { ...merge, title: 'Add x', body: 'Because.', isDraft: true };
const each = forgeKinds.map((kind) => [kind] as const);

async function setting(kind: ForgeKind, token = TOKEN) {
  const fake = await startFakeForge(kind, { token: TOKEN });
  onTestFinished(() => fake.close());
  const access = { token, transport: forgeTransport({ allowPrivate: true }) };
  const forge = openForge({ kind, baseUrl: fake.url }, 'https://git.test/acme/app.git', access);
  return { fake, forge, state: fake.state, shown: () => shownBy(fake.state) };
}

function shownBy({ requests }: FakeState) {
  return requests.map(({ base, body, draft, head, title }) => ({ base, body, head, title, draft }));
}

/** How a draft is told on each forge. */
const drafts: Readonly<Record<ForgeKind, object>> = {
  github: { title: 'Add x', draft: true },
  gitlab: { title: 'Draft: Add x' },
  gitea: { title: 'WIP: Add x' },
};

test.each(each)('%s: a draft is opened, edited as a draft, and taken out of draft', async (kind) => {
  const { forge, shown } = await setting(kind);
  const request = await forge.create(wanted);
  expect(request).toMatchObject({
    number: 1,
    title: 'Add x',
    body: 'Because.',
    isDraft: true,
    labels: [],
    reviewers: [],
  });
  expect(shown()).toMatchObject([{ head: 'feat/x', base: 'main', body: 'Because.', ...drafts[kind] }]);
  await forge.edit(request, { title: 'Add x', body: 'Because of y.' });
  expect(shown()).toMatchObject([{ body: 'Because of y.', ...drafts[kind] }]);
  await forge.makeReady(request);
  expect(shown()).toMatchObject([{ title: 'Add x', draft: false, body: 'Because of y.' }]);
  expect(await forge.find(merge)).toMatchObject({ title: 'Add x', isDraft: false });
});

test.each(each)(
  '%s: an open request is found by its branches, on whatever page; none is found for a fork, another target or a closed one',
  async (kind) => {
    const { fake, forge, state } = await setting(kind);
    const fields = { title: 't', body: '', draft: false, author: 'ada', base: 'main' };
    for (let index = 0; index < 120; index += 1) opened(state, { ...fields, head: `other/${index}` });
    opened(state, { ...fields, head: 'feat/x', base: 'next' });
    opened(state, { ...fields, head: 'feat/x' }).state = 'closed';
    state.requests.push({
      ...opened(state, { ...fields, head: 'feat/y' }),
      head: 'feat/x',
      from: 'mallory/app',
      number: 500,
    });
    expect(await forge.find(merge)).toBeNull();
    const ours = opened(state, { ...fields, head: 'feat/x' });
    expect(await forge.find(merge)).toMatchObject({ number: ours.number });
    expect(fake.calls.filter((call) => call.startsWith('GET')).length).toBeGreaterThanOrEqual(kind === 'gitea' ? 6 : 2);
  },
);

test.each(each)('%s: a second request for the same merge is rejected by the forge', async (kind) => {
  const { forge } = await setting(kind);
  await forge.create(wanted);
  const again = forge.create(wanted);
  await expect(again).rejects.toMatchObject({
    code: 'FORGE_REJECTED',
    message: expect.stringContaining('already exists'),
  });
});

test.each(each)('%s: labels are added to those that are there, and made where they are unknown', async (kind) => {
  const { forge, state } = await setting(kind);
  const request = await forge.create(wanted);
  await forge.addLabels(request, ['bug']);
  await forge.addLabels(request, ['agent', 'needs review']);
  expect(state.requests[0]?.labels).toEqual(['bug', 'agent', 'needs review']);
  expect(await forge.find(merge)).toMatchObject({ labels: ['bug', 'agent', 'needs review'] });
});

test.each(each)('%s: reviews are asked for once, and from nobody who is unknown', async (kind) => {
  const { forge, state } = await setting(kind);
  state.requests.push();
  const request = await forge.create(wanted);
  await forge.requestReviews(request, ['ada']);
  expect(await forge.find(merge)).toMatchObject({ reviewers: ['ada'] });
  const stranger = forge.requestReviews({ ...request, reviewers: ['ada'] }, ['stranger']);
  await expect(stranger).rejects.toMatchObject({ code: kind === 'gitea' ? 'FORGE_NOT_FOUND' : 'FORGE_REJECTED' });
  expect(await forge.find(merge)).toMatchObject({ reviewers: ['ada'] });
});

test.each(each)(
  '%s: comments come oldest first without what the forge noted itself, and can be changed and removed',
  async (kind) => {
    const { forge, state } = await setting(kind);
    const request = await forge.create(wanted);
    await forge.makeReady(request);
    for (let index = 0; index < 130; index += 1) await forge.addComment(request, `comment ${index}`);
    const comments = await forge.comments(request);
    expect(comments.map(({ body }) => body)).toEqual(Array.from({ length: 130 }, (_, index) => `comment ${index}`));
    expect(await forge.viewer()).toBe(comments[0]?.author);
    const [first, second] = comments;
    if (first === undefined || second === undefined) throw new Error('no comments');
    await forge.editComment(request, first, 'changed');
    await forge.deleteComment(request, second);
    expect(state.comments.filter(({ system }) => !system).slice(0, 2)).toMatchObject([
      { body: 'changed' },
      { body: 'comment 2' },
    ]);
  },
);

test.each(each)('%s: who may push is asked by login', async (kind) => {
  const { forge } = await setting(kind);
  const answers = await Promise.all(['ada', 'eve', 'nobody', 'guest-ada'].map((login) => forge.mayPush(login)));
  expect(answers).toEqual([true, false, false, false]);
});

test.each(each)('%s: a protected branch is told from one that is not, and from one that is not there', async (kind) => {
  const { fake, forge, state } = await setting(kind);
  state.protectedBranches.push('main', 'release/*');
  fake.state = { ...state, hasBranch: (name) => ['main', 'feat/x', 'release/1'].includes(name) };
  const asked = await Promise.all(['main', 'release/1', 'feat/x'].map((branch) => forge.isProtected(branch)));
  expect(asked).toEqual([true, true, false]);
  expect(fake.calls).toHaveLength(3);
  // GitLab alone tells what will hold for a branch that is to come, and only to whoever may read its rules.
  expect(await forge.isProtected('release/2.0')).toBe(kind === 'gitlab');
  expect(await forge.isProtected('releases')).toBe(false);
  const eve = openForge({ kind, baseUrl: fake.url }, 'https://git.test/acme/app.git', {
    token: 'token-of-eve',
    transport: forgeTransport({ allowPrivate: true }),
  });
  expect(await eve.isProtected('release/2.0')).toBe(false);
  const answers = [
    [301, false],
    [403, 'FORGE_AUTH_FAILED'],
    [429, 'FORGE_RATE_LIMITED'],
    [503, 'FORGE_UNAVAILABLE'],
  ] as const;
  for (const [status, expected] of answers) {
    fake.trouble = () => ({ status, body: { message: 'no' } });
    const asking = forge.isProtected('main').catch(({ code }: { code: string }) => code);
    expect(await asking).toBe(kind === 'gitlab' && status === 301 ? 'FORGE_NOT_FOUND' : expected);
  }
});

test.each(each)(
  '%s: a comment of somebody else cannot be changed, and the failure says who should look',
  async (kind) => {
    const { forge } = await setting(kind);
    const request = await forge.create(wanted);
    await forge.addComment(request, 'mine');
    const eve = await setting(kind, 'token-of-eve');
    eve.state.requests.push(...(await setting(kind)).state.requests);
    eve.state.comments.push({ id: 1, request: 1, author: 'holdfast-bot', body: 'x', system: false });
    const [comment] = eve.state.comments;
    const changing = eve.forge.editComment(request, { id: String(comment?.id), author: '', body: '' }, 'y');
    await expect(changing).rejects.toMatchObject({ code: kind === 'gitlab' ? 'FORGE_NOT_FOUND' : 'FORGE_AUTH_FAILED' });
  },
);

test.each(
  each.flatMap(
    ([kind]) =>
      [
        [kind, 401, {}, 'FORGE_AUTH_FAILED', undefined],
        [kind, 403, {}, 'FORGE_AUTH_FAILED', undefined],
        [kind, 403, { 'retry-after': '7' }, 'FORGE_RATE_LIMITED', 7000],
        [kind, 403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1' }, 'FORGE_RATE_LIMITED', 0],
        [kind, 404, {}, 'FORGE_NOT_FOUND', undefined],
        [kind, 409, {}, 'FORGE_REJECTED', undefined],
        [kind, 422, {}, 'FORGE_REJECTED', undefined],
        [kind, 429, {}, 'FORGE_RATE_LIMITED', 60_000],
        [kind, 429, { 'ratelimit-remaining': '0', 'ratelimit-reset': '1' }, 'FORGE_RATE_LIMITED', 0],
        [kind, 500, {}, 'FORGE_UNAVAILABLE', undefined],
        [kind, 503, { 'retry-after': '3' }, 'FORGE_UNAVAILABLE', 3000],
        [kind, 301, { location: 'https://elsewhere.test/' }, 'FORGE_NOT_FOUND', undefined],
      ] as const,
  ),
)('%s: status %i with %o is %s', async (kind, status, headers, code, retryAfterMs) => {
  const { fake, forge } = await setting(kind);
  fake.trouble = () => ({ status, headers, body: { message: `said ${TOKEN}` } });
  const failure = await forge.create(wanted).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code, remedy: expect.any(String), retryAfterMs });
  expect(String(failure)).not.toContain(TOKEN);
  expect(fake.calls).toHaveLength(1);
});

test.each(each)(
  '%s: a wrong token, a repository that is not there and a server that is none are told apart',
  async (kind) => {
    const { fake } = await setting(kind);
    const transport = forgeTransport({ allowPrivate: true });
    const open = (baseUrl: string, path: string, token: string) =>
      openForge({ kind, baseUrl }, `https://git.test/${path}.git`, { token, transport }).defaultBranch();
    expect(await open(fake.url, 'acme/app', TOKEN)).toBe('main');
    await expect(open(fake.url, 'acme/app', 'wrong')).rejects.toMatchObject({ code: 'FORGE_AUTH_FAILED' });
    await expect(open(fake.url, 'acme/other', TOKEN)).rejects.toMatchObject({ code: 'FORGE_NOT_FOUND' });
    await expect(open('http://127.0.0.1:1', 'acme/app', TOKEN)).rejects.toMatchObject({ code: 'FORGE_UNAVAILABLE' });
    fake.trouble = () => ({ status: 200, body: { hello: 'I am another service' } });
    await expect(open(fake.url, 'acme/app', TOKEN)).rejects.toMatchObject({ code: 'FORGE_REJECTED' });
  },
);

test('private networks are closed to forges unless they are opened', async () => {
  const { fake } = await setting('gitea');
  const access = { token: TOKEN, transport: forgeTransport({ allowPrivate: false }) };
  const forge = openForge({ kind: 'gitea', baseUrl: fake.url }, 'https://git.test/acme/app', access);
  await expect(forge.defaultBranch()).rejects.toMatchObject({ code: 'FORGE_UNAVAILABLE' });
  expect(fake.calls).toEqual([]);
});

test('GitHub refuses to leave the draft with 200, which is a failure all the same', async () => {
  const { fake, forge } = await setting('github');
  const request = await forge.create(wanted);
  await expect(forge.makeReady({ ...request, id: 'PR_none' })).rejects.toMatchObject({ code: 'FORGE_REJECTED' });
  const refusals = [
    ['FORBIDDEN', 'FORGE_AUTH_FAILED'],
    ['RATE_LIMITED', 'FORGE_RATE_LIMITED'],
  ] as const;
  for (const [type, code] of refusals) {
    fake.trouble = () => ({ status: 200, body: { errors: [{ type, message: 'no' }] } });
    await expect(forge.makeReady(request)).rejects.toMatchObject({ code });
  }
});

test('a GitHub repository without drafts gets a request that is none', async () => {
  const { fake, forge } = await setting('github');
  fake.trouble = (_, count) =>
    count === 1
      ? { status: 422, body: { message: 'Draft pull requests are not supported in this repository.' } }
      : null;
  expect(await forge.create(wanted)).toMatchObject({ isDraft: false });
});
