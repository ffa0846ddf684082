import { expect, onTestFinished, test } from 'vitest';
import { Credentials } from '../../src/activities/credentials.ts';
import type { Proposal } from '../../src/activities/pull-request.ts';
import type { RequestFacts } from '../../src/activities/pull-request-text.ts';
import { termsOf, type PullRequestTerms } from '../../src/domain/delivery.ts';
import { forgeKinds, type ForgeKind } from '../../src/domain/forge.ts';
import { GitManager } from '../../src/git/git-manager.ts';
import { createSandbox } from '../../src/sandbox/create-sandbox.ts';
import { openStore } from '../../src/store/store.ts';
import { deliveryParts } from '../support/delivery-parts.ts';
import { startFakeForge, type FakeForge } from '../support/forges/fake-forge.ts';
import { commented, opened } from '../support/forges/fake-state.ts';
import { sampleSession, sampleSnapshot, sampleTask } from '../support/sample-task.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const TOKEN = 'canary-forge-2b90';
const SESSION = 'ses_1';
const never = new AbortController().signal;
const source = { kind: 'repository', url: 'https://git.test/acme/app.git' } as const;
const each = forgeKinds.map((kind) => [kind] as const);

async function setting(kind: ForgeKind, changes: Partial<PullRequestTerms> = {}, facts: Partial<RequestFacts> = {}) {
  const fake = await startFakeForge(kind, { token: TOKEN });
  const store = openStore({ directory: temporaryDirectory() });
  const sandbox = createSandbox({ mode: 'off' });
  onTestFinished(async () => {
    await fake.close();
    store.close();
    sandbox.dispose();
  });
  const secrets = [store.secrets.seal({ tenant: 'default', id: SESSION }, 'git.token', TOKEN)];
  await store.sessions.create(sampleSession(SESSION, { task: sampleTask({ source }), secrets }));
  const { model, limits } = sampleTask();
  const pullRequest: PullRequestTerms = {
    forge: { kind, baseUrl: fake.url },
    target: null,
    title: null,
    draft: true,
    readyWhenVerified: true,
    followUps: false,
    labels: ['agent'],
    reviewers: ['ada'],
    ...changes,
  };
  const terms = { ...termsOf({}), pullRequest };
  const base = { commit: 'b'.repeat(40), tree: 't', ref: 'refs/heads/main' };
  const snapshot = sampleSnapshot(
    { sessionId: SESSION, source, base, model, limits },
    { delivery: 'pull_request', goal: 'x is there.', terms },
  );
  const whole = {
    snapshot,
    digest: 'sha256:abc',
    commit: 'c'.repeat(40),
    verified: true,
    note: null,
    summary: 'I added x.',
    verification: null,
    changes: [{ status: 'created', path: 'x', additions: 1, deletions: 0 }],
    ...facts,
  } as const;
  const git = new GitManager({ sandbox, directory: temporaryDirectory() });
  const credentials = new Credentials(store, { spec: model, key: () => undefined });
  const { pullRequests } = deliveryParts({ git, store, credentials });
  const proposal: Proposal = { branch: 'feat/x', facts: whole };
  return { fake, pullRequests, proposal, store, bring: (one = proposal) => pullRequests.bring(one, never) };
}

function reportsIn({ state }: FakeForge) {
  return state.comments.filter(({ body }) => body.startsWith('<!-- holdfast:report -->'));
}

/** All that a delivery is to leave, exactly once. */
function expectDelivered(fake: FakeForge): void {
  expect(fake.state.requests).toHaveLength(1);
  expect(fake.state.requests).toMatchObject([
    { head: 'feat/x', base: 'main', title: 'x is there.', draft: false, labels: ['agent'], reviewers: ['ada'] },
  ]);
  const [request] = fake.state.requests;
  expect(request?.body).toContain('`sha256:abc`');
  expect(request?.body).toContain('> I added x.');
  expect(reportsIn(fake)).toHaveLength(1);
  expect(reportsIn(fake)[0]?.body).toContain('c'.repeat(40));
}

test.each(each)(
  '%s: a verified result becomes one request out of draft, with texts, labels, reviewers and one report',
  async (kind) => {
    const { bring, fake } = await setting(kind);
    const delivered = await bring();
    expect(delivered).toMatchObject({
      forge: kind,
      number: 1,
      draft: false,
      notes: [],
      url: expect.stringContaining('/1'),
    });
    expectDelivered(fake);
    const writes = (from: number) => fake.calls.slice(from).filter((call) => !call.startsWith('GET'));
    const before = fake.calls.length;
    expect(await bring()).toEqual(delivered);
    expect(writes(before)).toEqual([]);
  },
);

test.each(each)(
  '%s: an attempt that dies at any call, before or after it took effect, leaves nothing that the next one doubles',
  async (kind) => {
    const undisturbed = await setting(kind);
    await undisturbed.bring();
    const total = undisturbed.fake.calls.length;
    for (const moment of ['lost before', 'lost after'] as const) {
      for (let fatal = 1; fatal <= total; fatal += 1) {
        const { bring, fake } = await setting(kind);
        fake.trouble = (_, count) => (count === fatal ? moment : null);
        await expect(bring()).rejects.toMatchObject({ code: 'FORGE_UNAVAILABLE' });
        fake.trouble = () => null;
        await bring();
        expectDelivered(fake);
      }
    }
  },
  120_000,
);

test.each(each)(
  '%s: of two attempts at once, the overtaken one stops, and one request with one report is left',
  async (kind) => {
    const { bring, fake, proposal, pullRequests } = await setting(kind);
    const both = await Promise.allSettled([pullRequests.bring(proposal, never), pullRequests.bring(proposal, never)]);
    const refused = both.filter(({ status }) => status === 'rejected');
    for (const one of refused)
      expect(one).toMatchObject({ reason: { code: expect.stringMatching(/STALE_ATTEMPT|FORGE_/) } });
    await bring();
    expectDelivered(fake);
  },
);

test.each(each)(
  '%s: what is not verified stays a draft; a later result of the same branch updates the request and takes it out',
  async (kind) => {
    const { bring, fake, proposal } = await setting(kind, {}, { verified: false, note: '1 of 2 red' });
    expect(await bring()).toMatchObject({ draft: true });
    expect(fake.state.requests[0]?.body).toContain('NOT VERIFIED: 1 of 2 red');
    const facts = { ...proposal.facts, verified: true, note: null, commit: 'd'.repeat(40) };
    expect(await bring({ ...proposal, facts })).toMatchObject({ number: 1, draft: false });
    expect(fake.state.requests).toHaveLength(1);
    expect(fake.state.requests[0]?.body).not.toContain('NOT VERIFIED');
    expect(reportsIn(fake).map(({ body }) => body.includes('d'.repeat(40)))).toEqual([true]);
  },
);

test.each([
  [{ draft: false }, false],
  [{ readyWhenVerified: false }, true],
])('with %o a verified request is a draft: %s', async (terms, draft) => {
  const { bring, fake } = await setting('github', terms);
  expect(await bring()).toMatchObject({ draft });
  expect(fake.state.requests[0]).toMatchObject({ draft });
});

test.each(each)(
  '%s: a request that a person opened keeps its title, its words and its draft; our section is added once',
  async (kind) => {
    const { bring, fake, proposal } = await setting(kind);
    const title = { github: 'Theirs', gitlab: 'Draft: Theirs', gitea: 'WIP: Theirs' }[kind];
    opened(fake.state, { head: 'feat/x', base: 'main', title, body: 'Please keep this.', draft: true, author: 'ada' });
    fake.state.requests[0]?.labels.push('agent');
    expect(await bring()).toMatchObject({ number: 1, draft: true });
    await bring({ ...proposal, facts: { ...proposal.facts, commit: 'e'.repeat(40) } });
    const [request] = fake.state.requests;
    expect(request).toMatchObject({ title, draft: true });
    expect(request?.body).toMatch(/^Please keep this\.\n\n<!-- holdfast:begin -->/);
    expect(request?.body.match(/holdfast:begin/g)).toHaveLength(1);
    expect(request?.body).toContain('e'.repeat(40));
  },
);

test('what people write around our section stays, and a title that people changed stays unless the task names one', async () => {
  const { bring, fake, proposal } = await setting('github');
  await bring();
  const [request] = fake.state.requests;
  if (request === undefined) throw new Error('no request');
  request.body = `Before.\n\n${request.body}\n\nAfter.`;
  request.title = 'A better title';
  await bring({ ...proposal, facts: { ...proposal.facts, commit: 'e'.repeat(40) } });
  expect(request.body).toMatch(/^Before\.[^]*e{40}[^]*After\.$/);
  expect(request.title).toBe('A better title');
});

test.each(each)(
  '%s: a comment of somebody else that looks like the report is left alone, and doubles of ours are removed',
  async (kind) => {
    const { bring, fake } = await setting(kind);
    await bring();
    const [request] = fake.state.requests;
    if (request === undefined) throw new Error('no request');
    const [report] = reportsIn(fake);
    commented(fake.state, request, 'eve', '<!-- holdfast:report -->\nAll is well.');
    commented(fake.state, request, 'holdfast-bot', report?.body ?? '');
    await bring();
    expect(reportsIn(fake).map(({ author, body }) => [author, body.includes('All is well.')])).toEqual([
      ['holdfast-bot', false],
      ['eve', true],
    ]);
  },
);

test.each(each)('%s: labels and reviewers that are refused are told, and hold nothing up', async (kind) => {
  const { bring } = await setting(kind, { reviewers: ['stranger'] });
  const { draft, notes } = await bring();
  expect([draft, notes]).toEqual([false, [expect.stringContaining('Reviewers were not taken')]]);
});

test.each([
  ['no token', undefined, 'FORGE_AUTH_FAILED'],
  ['a wrong token', 'wrong', 'FORGE_AUTH_FAILED'],
])('with %s the delivery says which credential to give', async (_, token, code) => {
  const { bring, fake, store } = await setting('gitea');
  await store.secrets.forget(SESSION, ['git.token']);
  if (token !== undefined) await store.secrets.put(SESSION, 'forge.token', token);
  await expect(bring()).rejects.toMatchObject({ code, remedy: expect.stringContaining('credentials.forgeToken') });
  await store.secrets.put(SESSION, 'forge.token', TOKEN);
  await bring();
  expectDelivered(fake);
});

test('nothing that the agent wrote calls a person, closes an issue, runs a command of the forge or hides a line', async () => {
  const summary = 'Done.\n/merge\nFixes #12, !3, thanks @ada\n<!-- holdfast:end --><!-- holdfast:opened -->\r/close';
  const { bring, fake } = await setting('gitlab', {}, { summary });
  await bring();
  const body = fake.state.requests[0]?.body ?? '';
  expect(body.split(/[\r\n]+/).filter((line) => line.startsWith('/'))).toEqual([]);
  expect(body).not.toMatch(/#12|!3|@ada/);
  expect(body.match(/<!-- holdfast:\w+ -->/g)).toEqual([
    '<!-- holdfast:begin -->',
    '<!-- holdfast:end -->',
    '<!-- holdfast:opened -->',
  ]);
});

test.each(each)('%s: no secret of the session gets into a request, whoever wrote it', async (kind) => {
  const changes = [{ status: 'created', path: `x-${TOKEN}`, additions: 1, deletions: 0 }] as const;
  const { bring, fake } = await setting(kind, {}, { summary: `I used ${TOKEN}.`, note: `see ${TOKEN}`, changes });
  await bring();
  expect(JSON.stringify([fake.state.requests, fake.state.comments])).not.toContain(TOKEN);
  expect(fake.state.requests[0]?.body).toContain('I used [redacted:');
});

test('a text that is too long for a forge is cut, and says so', async () => {
  const { bring, fake } = await setting('github', {}, { note: 'n'.repeat(70_000), verified: false });
  await bring();
  expect(fake.state.requests[0]?.body.length).toBeLessThan(65_536);
  expect(reportsIn(fake)[0]?.body).toContain('(cut: the rest is in the report)');
});

test('the request goes into the branch the work started from; into the default branch when that is the work branch itself', async () => {
  const other = await setting('gitea');
  const started = (ref: string): Proposal => {
    const { facts } = other.proposal;
    return {
      branch: 'feat/x',
      facts: { ...facts, snapshot: { ...facts.snapshot, base: { ...facts.snapshot.base, ref } } },
    };
  };
  await other.bring(started('refs/heads/release/1.x'));
  await other.bring(started('refs/heads/feat/x'));
  await other.bring(started('refs/tags/v1'));
  expect(other.fake.state.requests.map(({ base }) => base)).toEqual(['release/1.x', 'main']);
});
