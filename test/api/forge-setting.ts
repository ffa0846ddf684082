import { termsOf, type PullRequestTerms } from '../../src/domain/delivery.ts';
import type { ForgeKind } from '../../src/domain/forge.ts';
import type { Trigger } from '../../src/domain/follow-up.ts';
import { sampleSession, sampleTask } from '../support/sample-task.ts';
import { deliveryOf, type ForgeDelivery, type Told } from './forge-deliveries.ts';
import { workingApi } from './setting.ts';

export const SECRET = 'canary-hook-51c0';
/** Of the request that the session has delivered to. */
export const url = 'https://git.test/acme/app/pull/1';
/** Of the commit that it delivered. */
export const sha = 'c'.repeat(40);

/** An API with one session that has delivered to a request; `ada` may push there, and Holdfast is `holdfast-bot`. */
export async function deliveredSession(kind: ForgeKind, terms: Partial<PullRequestTerms> = {}) {
  const asked: string[] = [];
  const forges = {
    secrets: () => ['an older secret', SECRET],
    command: '/holdfast',
    mayPush: async (_: unknown, login: string) => {
      asked.push(login);
      return login === 'ada';
    },
  };
  const made = workingApi(() => ({}), { forges, apiKeys: () => ['key'] });
  const { store } = made;
  const pullRequest: PullRequestTerms = {
    forge: { kind, baseUrl: 'https://git.test' },
    target: null,
    title: 'The first title',
    draft: true,
    readyWhenVerified: true,
    followUps: true,
    labels: ['agent'],
    reviewers: [],
    ...terms,
  };
  const task = sampleTask({ delivery: 'pull_request', terms: { ...termsOf({}), pullRequest }, labels: ['mine'] });
  const secrets = [store.secrets.seal({ tenant: 'default', id: 'ses_1' }, 'git.token', 'the token')];
  await store.sessions.create(sampleSession('ses_1', { task, secrets }));
  await store.sessions.setBase('ses_1', { commit: 'b', tree: 't', ref: 'refs/heads/release/1' });
  const result = { kind: 'pull_request', branch: 'feat/x', commit: sha, tree: 't', verified: true } as const;
  await store.sessions.announce('ses_1', { rev: 1, state: 'COMPLETE', stage: 'completed', pause: null, result, at: 2 });
  const note = (sessionId: string, trigger: Trigger, at: number, head = sha) =>
    store.pullRequests.note({ url, sessionId, head, viewer: 'holdfast-bot', trigger, at });
  await note('ses_1', 'task', 2);
  const send = async ({ body, headers }: ForgeDelivery, path: string = kind) => {
    const answer = await made.call('POST', `/v1/forges/${path}/webhook`, {
      body,
      headers: { ...headers, host: 'public.test' },
    });
    return {
      status: answer.status,
      ...((await answer.json()) as { data: Record<string, string>; error: { code: string } }),
    };
  };
  const tell = (what: Parameters<typeof deliveryOf>[1], told: Partial<Told> = {}, id = 'd-1') =>
    send(deliveryOf(kind, what, { url, sha, ...told }, { id, secret: SECRET }));
  return { ...made, asked, note, send, tell };
}
