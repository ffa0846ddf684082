import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { answer, ErrorAnswer, SessionAnswer } from '../../src/api/schemas.ts';
import * as schemas from '../../src/api/schemas.ts';
import { checkWebhookUrl } from '../../src/api/webhook-url.ts';
import { HoldfastError } from '../../src/domain/failure.ts';
import { noUsage } from '../../src/domain/usage.ts';
import { sampleSession } from '../support/sample-task.ts';
import { sampleContract } from './sample-contract.ts';
import { workingApi as working } from './setting.ts';

const source = { repoUrl: 'https://git.example.test/x' };
const frozen = { digest: `sha256:${'d'.repeat(64)}`, createdAt: 7, filesFrozen: 2, toolsWhitelisted: ['read'] };

const json = async (response: Response): Promise<ReturnType<typeof JSON.parse>> => response.json();

test('faults of shape and of meaning are named at once', async () => {
  const { call, store } = working(undefined, {
    checks: {
      checkSource: () => {
        throw new HoldfastError('INVALID_REPOSITORY_URL', 'no repository');
      },
      probeSource: () => Promise.reject(new Error('nothing may be asked')),
      checkWebhookUrl: (url: string) => checkWebhookUrl(url, true),
      mayBeAt: () => false,
      isPriced: () => false,
    },
  });
  const body = {
    userPrompt: '',
    surprise: 1,
    source: { repoUrl: 'ext::sh', credentialId: 'crd_1' },
    webhook: { url: 'ftp://x', cron: '* * * * *' },
    skillText: '---\nname: s\ndescription: d\nrequired_tools: [fly]\n---\n',
    model: { baseUrl: 'https://elsewhere.example.test' },
    limits: { maxCostUsd: 1 },
  };
  const refused = await call('POST', '/api/sessions', { body: JSON.stringify(body) });
  const { error } = ErrorAnswer.parse(await json(refused));
  expect([refused.status, error.code]).toEqual([422, 'INVALID_REQUEST']);
  const faults = error.details?.['faults'] as { path: string }[];
  expect(faults.map(({ path }) => path).toSorted()).toEqual([
    'limits.maxCostUsd',
    'model.apiKey',
    'model.baseUrl',
    'skillText.required_tools.0',
    'source.credentialId',
    'source.repoUrl',
    'surprise',
    'userPrompt',
    'webhook.cron',
    'webhook.url',
  ]);
  expect(await store.sessions.live()).toEqual([]);
});

test('what hangs on a malformed part is not judged, and a body that is no object has one fault', async () => {
  const { call } = working();
  const pathsOf = async (body: unknown) => {
    const { error } = ErrorAnswer.parse(
      await json(await call('POST', '/api/sessions', { body: JSON.stringify(body) })),
    );
    return ((error.details?.['faults'] ?? []) as { path: string }[]).map(({ path }) => path);
  };
  expect(await pathsOf({ userPrompt: 'x', workingDir: 7, delivery: 'directory' })).toEqual(['workingDir']);
  expect(await pathsOf([])).toEqual(['']);
});

test('a replay is the first answer with the made-up secret of the webhook, which may never have arrived', async () => {
  const { call, temporal } = working();
  const body = JSON.stringify({ userPrompt: 'x', source, webhook: { url: 'https://hooks.example.test/' } });
  const create = () => call('POST', '/api/sessions', { body, headers: { 'idempotency-key': 'k' } });
  temporal.away = true;
  expect((await create()).status).toBe(503);
  temporal.away = false;
  const [second, third] = [await create(), await create()];
  expect([second.status, second.headers.get('idempotent-replay')]).toEqual([201, 'true']);
  const { data } = answer(schemas.Created).parse(await json(second));
  expect(data.webhookSecret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  expect((await json(third)).data).toEqual(data);
});

test('a secret that the caller gave is not told back', async () => {
  const { call } = working();
  const webhook = { url: 'https://hooks.example.test/', secret: 'a-secret-of-the-caller' };
  const body = JSON.stringify({ userPrompt: 'x', source, webhook });
  for (const _ of [1, 2]) {
    const created = await call('POST', '/api/sessions', { body, headers: { 'idempotency-key': 'k' } });
    expect(await created.text()).not.toContain('secret');
  }
});

test('submodules and Git LFS are fetched by switches, which are off where nothing is said', async () => {
  const { call, store } = working();
  const sourceOf = async (switches: object) => {
    const body = JSON.stringify({ userPrompt: 'x', source: { ...source, ...switches } });
    const created = answer(schemas.Created).parse(await json(await call('POST', '/api/sessions', { body })));
    return (await store.sessions.get(created.data.sessionId)).task.source;
  };
  const plain = { kind: 'repository', url: source.repoUrl };
  expect(await sourceOf({})).toEqual(plain);
  expect(await sourceOf({ submodules: false, lfs: false })).toEqual(plain);
  expect(await sourceOf({ submodules: true, lfs: true })).toEqual({ ...plain, submodules: true, lfs: true });
  const body = JSON.stringify({ userPrompt: 'x', source: { ...source, submodules: 'yes' } });
  expect((await call('POST', '/api/sessions', { body })).status).toBe(422);
});

test('a work tree that cannot be removed keeps the record, so that the deletion can be repeated', async () => {
  let broken = true;
  const { call, store } = working(() => ({ abort: async () => ({ state: 'FAILED', stage: 'failed' }) }), {
    removeWorkspace: () => (broken ? Promise.reject(new Error('busy')) : Promise.resolve()),
  });
  await store.sessions.create(sampleSession('ses_a'));
  expect((await call('DELETE', '/api/sessions/ses_a')).status).toBe(500);
  expect(await store.sessions.find('ses_a')).toBeDefined();
  broken = false;
  expect((await call('DELETE', '/api/sessions/ses_a')).status).toBe(204);
  expect(await store.sessions.find('ses_a')).toBeUndefined();
  expect((await call('DELETE', '/api/sessions/ses_a')).status).toBe(204);
});

test('what this version cannot show is refused, not passed over', async () => {
  const { call, store } = working();
  await store.sessions.create(sampleSession('ses_a'));
  const refused = await call('GET', '/api/sessions/ses_a/transcript?format=html');
  const { error } = ErrorAnswer.parse(await json(refused));
  expect(error.details?.['faults']).toEqual([
    { path: 'format', message: 'must be jsonl; html is not available in this version' },
  ]);
  expect((await call('GET', '/api/sessions/ses_a/transcript?format=jsonl')).status).toBe(200);
  expect((await json(await call('POST', '/api/sessions/ses_a/tasks'))).error.code).toBe('NOT_FOUND');
});

test('real answers have the shapes that the OpenAPI document promises', async () => {
  const { call, store } = working((records) => ({
    supplyInfo: async ({ id }, message) => {
      const answered = 'answers' in message;
      await records.sessions.setContract(id, sampleContract(answered));
      return { state: 'PREFLIGHT', stage: answered ? 'ready' : 'awaiting_input' };
    },
    execute: async ({ id }) => {
      await records.sessions.setFrozen(id, frozen);
      return { state: 'EXECUTING', stage: 'coding' };
    },
  }));
  const send = async (method: string, path: string, body?: object) =>
    call(method, path, body === undefined ? {} : { body: JSON.stringify(body) });
  const created = answer(schemas.Created).parse(
    await json(await send('POST', '/api/sessions', { userPrompt: 'x', source })),
  );
  const path = `/api/sessions/${created.data.sessionId}`;
  await store.events.append(created.data.sessionId, {
    key: 'k',
    type: 'started',
    state: 'INIT',
    stage: 'pending',
    at: 1,
    data: { progress: 0 },
  });
  const asked = answer(schemas.PreflightAnswer).parse(await json(await send('POST', `${path}/preflight`, {})));
  expect(asked.data).toMatchObject({ canProceed: false, missingInfo: ['Target directory not specified'] });
  const ready = await json(await send('POST', `${path}/preflight`, { answers: { q1: 'lib' } }));
  expect(answer(schemas.PreflightAnswer).parse(ready).data).toMatchObject({ canProceed: true, questions: [] });
  const executed = answer(schemas.Executed).parse(await json(await send('POST', `${path}/execute`, {})));
  expect(executed.data.snapshot).toEqual(frozen);
  expect(answer(SessionAnswer).parse(await json(await send('GET', path))).data.state).toBe('EXECUTING');
  for (const what of ['pause', 'resume', 'abort']) {
    const told = await send('POST', `${path}/${what}`, {});
    expect([told.status, answer(SessionAnswer).parse(await json(told)).success]).toEqual([202, true]);
  }
  expect(answer(schemas.ContractAnswer).parse(await json(await send('GET', `${path}/contract`))).success).toBe(true);
  expect(answer(schemas.EventList).parse(await json(await send('GET', `${path}/events`))).data.items).toHaveLength(1);
  expect(answer(schemas.SessionList).parse(await json(await send('GET', '/api/sessions'))).data.items).toHaveLength(1);
  ErrorAnswer.parse(await json(await send('GET', `${path}/report`)));
});

test('an artifact comes with the SHA-256 of its bytes, and is listed', async () => {
  const { call, store } = working();
  await store.sessions.create(sampleSession('ses_a'));
  await store.artifacts.put('ses_a', 'checks/round-0.log', 'text/plain', 'all green\n', 1);
  const one = await call('GET', '/api/sessions/ses_a/artifacts/checks/round-0.log');
  const text = await one.text();
  expect(one.headers.get('digest')).toBe(`sha-256=${createHash('sha256').update(text).digest('base64')}`);
  const list = answer(schemas.ArtifactList).parse(await json(await call('GET', '/api/sessions/ses_a/artifacts')));
  expect(list.data.items.map(({ name }) => name)).toEqual(['checks/round-0.log']);
});

test('the transcript of a sub-agent is had by its id', async () => {
  const { call, store } = working();
  await store.sessions.create(sampleSession('ses_a'));
  await store.journal.claim('ses_a');
  await store.journal.append('ses_a', 1, { thread: '', fromSeq: 1, entries: [{ by: 'agent' }] });
  await store.journal.append('ses_a', 1, { thread: 'tsk_1', fromSeq: 1, entries: [{ by: 'sub-agent' }] });
  const transcript = (query: string) => call('GET', `/api/sessions/ses_a/transcript${query}`);
  expect(await (await transcript('')).text()).toBe('{"by":"agent"}\n');
  expect(await (await transcript('?task=tsk_1')).text()).toBe('{"by":"sub-agent"}\n');
  const { error } = ErrorAnswer.parse(await json(await transcript('?task=tsk_2')));
  expect(error.code).toBe('ARTIFACT_NOT_FOUND');
});

test('a limit of money is taken only for a model whose price is known, when it is made and when it is resumed', async () => {
  const { call, store } = working();
  const create = (changes: object) =>
    call('POST', '/api/sessions', { body: JSON.stringify({ userPrompt: 'x', source, ...changes }) });
  const limits = { maxCostUsd: 2 };
  expect((await create({ limits })).status).toBe(422);
  const cost = { input: 1, output: 2, cacheRead: 0, cacheWrite: 0 };
  const { data } = await json(await create({ limits, model: { cost, contextWindow: 9000, maxTokens: 500 } }));
  expect((await store.sessions.get(data.sessionId)).task).toMatchObject({
    limits,
    model: { id: 'm', cost, contextWindow: 9000, maxTokens: 500 },
  });
  expect((await create({ limits, model: { id: 'claude-sonnet-4-5' } })).status).toBe(201);
  const { data: free } = await json(await create({}));
  const refused = await call('POST', `/api/sessions/${free.sessionId}/resume`, { body: JSON.stringify({ limits }) });
  expect([refused.status, JSON.stringify(await json(refused))]).toEqual([
    422,
    expect.stringContaining('limits.maxCostUsd'),
  ]);
});

test('a pause is shown with a reason that programs can read, and with all that was used', async () => {
  const pause = new HoldfastError('BUDGET_REACHED', 'used up', { details: { limit: 'maxTokens' } }).toFailure();
  const { call, store, temporal } = working();
  await store.sessions.create(sampleSession('ses_a'));
  await store.sessions.addContractUsage('ses_a', { ...noUsage, outputTokens: 5, costUsd: 0.25 });
  await temporal.announce('ses_a', { state: 'PAUSED', stage: 'paused', pause });
  const { data } = answer(SessionAnswer).parse(await json(await call('GET', '/api/sessions/ses_a')));
  expect(data.pause).toEqual({ reason: 'budget_reached', ...pause });
  expect(data.usage).toMatchObject({ turns: 0, wallMs: 0, cacheReadTokens: 0, costUsd: 0 });
  expect(data.usage.contract).toEqual({ ...noUsage, outputTokens: 5, costUsd: 0.25 });
});
