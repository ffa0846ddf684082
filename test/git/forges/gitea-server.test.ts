import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Credentials } from '../../../src/activities/credentials.ts';
import { forgeTransport } from '../../../src/activities/forge-transport.ts';
import { eventOf } from '../../../src/api/forge-events.ts';
import { deliveryIdIn, eventIn, isSigned } from '../../../src/api/forge-signature.ts';
import { termsOf, type PullRequestTerms } from '../../../src/domain/delivery.ts';
import type { RequestEvent } from '../../../src/domain/follow-up.ts';
import { GitManager } from '../../../src/git/git-manager.ts';
import { openForge } from '../../../src/git/forges/open-forge.ts';
import { createSandbox } from '../../../src/sandbox/create-sandbox.ts';
import { openStore } from '../../../src/store/store.ts';
import { deliveryParts } from '../../support/delivery-parts.ts';
import { callGitea as call, gitea, hasNoGitea } from '../../support/gitea.ts';
import { until } from '../../support/holdfast.ts';
import { openDirectory } from '../../support/open-directory.ts';
import { sampleSession, sampleSnapshot, sampleTask } from '../../support/sample-task.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const { url: baseUrl, token } = gitea;
const SESSION = 'ses_1';
const SECRET = 'canary-gitea-hook';
const never = new AbortController().signal;
const name = `holdfast-${process.pid}-${Date.now()}`;
let owner = '';

/** A session on the repository whose result is on a branch of it. */
async function setting(branch: string, changes: Partial<PullRequestTerms> = {}) {
  const store = openStore({ directory: temporaryDirectory() });
  const sandbox = createSandbox({ mode: 'bwrap' });
  onTestFinished(() => {
    store.close();
    sandbox.dispose();
  });
  const source = { kind: 'repository', url: `${baseUrl}/${owner}/${name}.git` } as const;
  const secrets = [store.secrets.seal({ tenant: 'default', id: SESSION }, 'git.token', token)];
  await store.sessions.create(sampleSession(SESSION, { task: sampleTask({ source }), secrets }));
  const git = new GitManager({ sandbox, directory: openDirectory() });
  const base = await git.prepare(SESSION, source, { token });
  const author = { name: 'Ada', email: 'ada@example.test' };
  const facts = { tree: base.tree, parent: base.commit, message: `${branch}\n`, author, atMs: Date.now() };
  const commit = await git.open(SESSION).commitTree(facts);
  const push = (to: string) =>
    git
      .standingOf({ source, branch: to, credentials: { token } })
      .then(({ head }) =>
        git.push({ sessionId: SESSION, source, branch: to, commit, expected: head, credentials: { token } }),
      );
  const pullRequest: PullRequestTerms = {
    forge: { kind: 'gitea', baseUrl },
    target: null,
    title: null,
    draft: true,
    readyWhenVerified: true,
    followUps: true,
    labels: ['agent', 'of holdfast'],
    reviewers: [],
    ...changes,
  };
  const { limits, model } = sampleTask();
  const terms = { ...termsOf({}), pullRequest };
  const snapshot = sampleSnapshot(
    { sessionId: SESSION, source, base, model, limits },
    { delivery: 'pull_request', goal: 'x is there.', terms },
  );
  const credentials = new Credentials(store, { spec: model, key: () => undefined });
  const { pullRequests } = deliveryParts({ git, store, credentials });
  const proposal = { digest: 'sha256:abc', commit, verified: true, note: null, summary: 'I added x.', changes: [] };
  const bring = (verified = true) =>
    pullRequests.bring({ branch, facts: { ...proposal, snapshot, verification: null, verified } }, never);
  const access = { token, transport: forgeTransport({ allowPrivate: true }) };
  return { bring, commit, forge: openForge({ kind: 'gitea', baseUrl }, source.url, access), push, source };
}

describe.skipIf(hasNoGitea)('a real Gitea', () => {
  beforeAll(async () => {
    owner = (await call('GET', '/user')).login;
    await call('POST', '/user/repos', { name, auto_init: true, default_branch: 'main' });
  });
  afterAll(() => call('DELETE', `/repos/${owner}/${name}`));

  test('a request is opened as a draft, found again, kept up to date and taken out of draft; nothing is doubled', async () => {
    const { bring, commit, push } = await setting('feat/a');
    await push('feat/a');
    const first = await bring(false);
    expect(first).toMatchObject({ draft: true, notes: [] });
    expect(await bring(false)).toEqual(first);
    expect(await bring()).toEqual({ ...first, draft: false });
    const pulls = await call('GET', `/repos/${owner}/${name}/pulls?state=all`);
    expect(pulls).toMatchObject([{ number: first.number, title: 'x is there.', html_url: first.url, state: 'open' }]);
    expect(pulls[0].labels.map((label: { name: string }) => label.name).toSorted()).toEqual(['agent', 'of holdfast']);
    const comments = await call('GET', `/repos/${owner}/${name}/issues/${first.number}/comments`);
    expect(comments.map(({ body }: { body: string }) => body.includes(commit))).toEqual([true]);
  });

  test('a second request for a merge is rejected, one that is closed is not found, and a reviewer who is nobody is told', async () => {
    const { bring, forge, push } = await setting('feat/b', { reviewers: ['nobody-at-all'] });
    await push('feat/b');
    const { notes, number } = await bring();
    expect(notes).toEqual([expect.stringContaining('Reviewers were not taken')]);
    const merge = { head: 'feat/b', target: 'main' };
    const again = forge.create({ ...merge, title: 't', body: '', isDraft: false });
    await expect(again).rejects.toMatchObject({ code: 'FORGE_REJECTED' });
    await call('PATCH', `/repos/${owner}/${name}/pulls/${number}`, { state: 'closed' });
    expect(await forge.find(merge)).toBeNull();
    expect((await bring()).number).not.toBe(number);
    expect([await forge.mayPush(owner), await forge.mayPush('nobody-at-all')]).toEqual([true, false]);
  });

  test('a protected branch, a wrong token and a repository that is not there are told apart', async () => {
    const { forge, push, source } = await setting('feat/c');
    await call('POST', `/repos/${owner}/${name}/branch_protections`, { rule_name: 'main', enable_push: false });
    await expect(push('main')).rejects.toMatchObject({ code: 'BRANCH_PROTECTED' });
    await push('feat/c');
    const asked = await Promise.all(['main', 'feat/c', 'feat/none'].map((branch) => forge.isProtected(branch)));
    expect(asked).toEqual([true, false, false]);
    await call('POST', `/repos/${owner}/${name}/branch_protections`, { rule_name: 'feat/c', enable_push: true });
    expect(await forge.isProtected('feat/c')).toBe(true);
    const transport = forgeTransport({ allowPrivate: true });
    const open = (url: string, given: string) =>
      openForge({ kind: 'gitea', baseUrl }, url, { token: given, transport }).defaultBranch();
    await expect(open(source.url, 'wrong')).rejects.toMatchObject({ code: 'FORGE_AUTH_FAILED' });
    await expect(open(`${baseUrl}/${owner}/none`, token)).rejects.toMatchObject({ code: 'FORGE_NOT_FOUND' });
  });

  test('its webhooks are signed as we check it, and say what we read', async () => {
    const { bring, commit, push } = await setting('feat/d');
    await push('feat/d');
    const { number, url } = await bring();
    const seen: { event: RequestEvent | null; isSigned: boolean; id: string | undefined }[] = [];
    const server = createServer(async (request, response) => {
      seen.push(await readDelivery(request));
      response.writeHead(204).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const config = {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
      content_type: 'json',
      secret: SECRET,
    };
    const events = ['issue_comment', 'pull_request', 'pull_request_comment', 'pull_request_review', 'status'];
    await call('POST', `/repos/${owner}/${name}/hooks`, { type: 'gitea', active: true, events, config });
    await call('POST', `/repos/${owner}/${name}/issues/${number}/comments`, { body: '/holdfast do it' });
    const review = { event: 'COMMENT', body: '/holdfast do that' };
    await call('POST', `/repos/${owner}/${name}/pulls/${number}/reviews`, review);
    await call('POST', `/repos/${owner}/${name}/statuses/${commit}`, { state: 'failure', context: 'ci' });
    await call('PATCH', `/repos/${owner}/${name}/pulls/${number}`, { state: 'closed' });
    await until(() => seen.filter(({ event }) => event !== null).length >= 4, 20_000);
    expect(seen.every((one) => one.isSigned && one.id !== undefined)).toBe(true);
    const read = seen.flatMap(({ event }) => event ?? []);
    expect(read).toContainEqual(
      expect.objectContaining({ kind: 'comment', request: url, author: owner, text: '/holdfast do it' }),
    );
    expect(read).toContainEqual(
      expect.objectContaining({ kind: 'comment', request: url, author: owner, text: '/holdfast do that' }),
    );
    expect(read).toContainEqual(expect.objectContaining({ kind: 'check', head: commit, name: 'ci' }));
    expect(read).toContainEqual({ kind: 'closed', request: url });
  });
});

async function readDelivery(request: IncomingMessage) {
  const body = await text(request);
  const header = (key: string) => String(request.headers[key] ?? '');
  const event = eventOf('gitea', eventIn('gitea', header), JSON.parse(body));
  return { event, isSigned: isSigned('gitea', header, body, [SECRET]), id: deliveryIdIn('gitea', header) };
}
