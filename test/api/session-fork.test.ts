import { expect, test } from 'vitest';
import { CheckpointList } from '../../src/api/fork-schemas.ts';
import { answer, Created, ErrorAnswer, SessionAnswer } from '../../src/api/schemas.ts';
import { HoldfastError } from '../../src/domain/failure.ts';
import { noUsage } from '../../src/domain/usage.ts';
import type { Store } from '../../src/store/store.ts';
import { sampleCheckpoint, sampleSession, sampleTask } from '../support/sample-task.ts';
import { workingApi } from './setting.ts';

const json = async (response: Response): Promise<ReturnType<typeof JSON.parse>> => response.json();
const secrets = {
  'git.token': 'token',
  'git.username': 'me',
  'model.apiKey': 'key',
  'webhook.secret': 'hook',
} as const;

/** A session of three turns with all its secrets. */
async function addParent(store: Store, changes: Parameters<typeof sampleTask>[0] = {}): Promise<void> {
  const webhook = { url: 'https://hooks.example.test/', events: null };
  await store.sessions.create(
    sampleSession('ses_parent', { task: sampleTask({ labels: ['red'], webhook, ...changes }) }),
  );
  for (const [name, value] of Object.entries(secrets))
    await store.secrets.put('ses_parent', name as keyof typeof secrets, value);
  const digest = await store.blobs.put('ses_parent', 'a snapshot');
  await store.sessions.setFrozen('ses_parent', { digest, createdAt: 1, filesFrozen: 0, toolsWhitelisted: [] });
  const { epoch } = await store.journal.claim('ses_parent');
  for (const turn of [1, 2, 3]) {
    const checkpoint = sampleCheckpoint(turn, { tree: `${turn}`.repeat(40) });
    await store.journal.append('ses_parent', epoch, { thread: '', fromSeq: turn, entries: [{ turn }], checkpoint });
  }
}

function setting(changes: Parameters<typeof workingApi>[1] = {}) {
  const made = workingApi(undefined, changes);
  const fork = (body: object = {}, headers: Record<string, string> = {}, id = 'ses_parent') =>
    made.call('POST', `/api/sessions/${id}/fork`, { body: JSON.stringify(body), headers });
  return { ...made, fork };
}

test('the checkpoints are listed newest first, page by page', async () => {
  const { call, store } = setting();
  await addParent(store);
  const page = async (query: string) =>
    answer(CheckpointList).parse(await json(await call('GET', `/api/sessions/ses_parent/checkpoints?${query}`))).data;
  const first = await page('limit=2');
  expect(first.items[0]).toEqual({ turn: 3, seq: 3, tree: '3'.repeat(40), usage: { ...noUsage, turns: 3 }, at: 3 });
  const second = await page(`limit=2&cursor=${first.nextCursor}`);
  expect([...first.items, ...second.items].map(({ turn }) => turn)).toEqual([3, 2, 1]);
  expect(second.nextCursor).toBeNull();
  for (const query of ['cursor=nonsense', 'limit=0', 'colour=red'])
    expect((await call('GET', `/api/sessions/ses_parent/checkpoints?${query}`)).status).toBe(422);
  expect((await call('GET', '/api/sessions/ses_none/checkpoints')).status).toBe(404);
});

test('a fork is a session of its own: task and secrets of the parent, branch and limits of its own, its parent in the view', async () => {
  const { call, fork, store, temporal } = setting();
  await addParent(store);
  const made = await fork({ checkpoint: 2, userPrompt: 'Now in blue.', limits: { maxSteps: 7 } });
  expect(made.status).toBe(201);
  const { sessionId } = answer(Created).parse(await json(made)).data;
  const parent = await store.sessions.get('ses_parent');
  const { task } = await store.sessions.get(sessionId);
  expect(task).toEqual({
    ...parent.task,
    taskId: sessionId,
    auto: true,
    branch: `feat/ai-task-${sessionId.slice('ses_'.length)}`,
    limits: { ...parent.task.limits, maxSteps: 7 },
    parent: {
      sessionId: 'ses_parent',
      turn: 2,
      seq: 2,
      tree: '2'.repeat(40),
      digest: parent.frozen?.digest,
      prompt: 'Now in blue.',
    },
  });
  for (const [name, value] of Object.entries(secrets))
    expect(await store.secrets.get(sessionId, name as keyof typeof secrets)).toBe(value);
  expect(temporal.sent).toEqual([{ kind: 'start', id: sessionId, message: {} }]);
  const view = answer(SessionAnswer).parse(await json(await call('GET', `/api/sessions/${sessionId}`))).data;
  expect(view).toMatchObject({ parent: { sessionId: 'ses_parent', turn: 2 }, state: 'INIT', usage: { turns: 0 } });
});

test('without a body it goes on from the newest checkpoint, also of a session that has ended, with credentials given anew', async () => {
  const { fork, store, temporal } = setting();
  await addParent(store);
  await temporal.announce('ses_parent', { state: 'FAILED', stage: 'failed' });
  await store.secrets.forget('ses_parent', ['git.token', 'git.username', 'model.apiKey']);
  const plain = answer(Created).parse(await json(await fork()));
  expect((await store.sessions.get(plain.data.sessionId)).task.parent).toMatchObject({ turn: 3, prompt: null });
  const credentials = { gitToken: 'other token', modelApiKey: 'other key' };
  const given = answer(Created).parse(await json(await fork({ credentials })));
  expect(await store.secrets.get(given.data.sessionId, 'git.token')).toBe('other token');
  expect(await store.secrets.get(given.data.sessionId, 'model.apiKey')).toBe('other key');
});

test('the same key makes one fork, also after its parent is gone; another body or another parent is refused', async () => {
  const { fork, store } = setting();
  await addParent(store);
  const headers = { 'idempotency-key': 'k' };
  const first = await json(await fork({ checkpoint: 1 }, headers));
  const mismatch = await fork({ checkpoint: 2 }, headers);
  expect([mismatch.status, (await json(mismatch)).error.code]).toEqual([422, 'IDEMPOTENCY_MISMATCH']);
  expect((await fork({ checkpoint: 1 }, headers, 'ses_other')).status).toBe(422);
  await store.sessions.delete('ses_parent');
  const again = await fork({ checkpoint: 1 }, headers);
  expect([again.status, again.headers.get('idempotent-replay')]).toEqual([201, 'true']);
  expect(await json(again)).toEqual(first);
});

test('everything that is wrong with a fork is named at once, and nothing is stored', async () => {
  const { fork, store, temporal } = setting();
  await addParent(store, {
    model: { provider: 'openai', id: 'm', baseUrl: 'https://m.example.test', thinkingLevel: 'off' },
  });
  await store.secrets.forget('ses_parent', ['model.apiKey']);
  const pathsOf = async (body: object) => {
    const refused = await fork(body);
    const { error } = ErrorAnswer.parse(await json(refused));
    expect([refused.status, error.code]).toEqual([422, 'INVALID_REQUEST']);
    return ((error.details?.['faults'] ?? []) as { path: string }[]).map(({ path }) => path).toSorted();
  };
  expect(await pathsOf({ checkpoint: 4 })).toEqual(['checkpoint', 'credentials.modelApiKey']);
  expect(await pathsOf({ checkpoint: 4, limits: { maxSteps: 0 }, surprise: 1, userPrompt: '' })).toEqual([
    'checkpoint',
    'credentials.modelApiKey',
    'limits.maxSteps',
    'surprise',
    'userPrompt',
  ]);
  expect(await pathsOf({ checkpoint: -1, credentials: { modelApiKey: 'k', gitToken: '' } })).toEqual([
    'checkpoint',
    'credentials.gitToken',
  ]);
  expect((await fork({}, {}, 'ses_none')).status).toBe(404);
  expect((await fork({ checkpoint: 'x' }, {}, 'ses_none')).status).toBe(404);
  await store.sessions.create(sampleSession('ses_young'));
  expect((await json(await fork({}, {}, 'ses_young'))).error.message).toContain('no turn is finished');
  expect(await store.sessions.live()).toHaveLength(2);
  expect(temporal.sent).toEqual([]);
});

test('a repository that refuses the token that is left, and a Temporal that is away, leave nothing behind', async () => {
  const refusing = setting({
    checks: {
      checkSource: (source) => source,
      probeSource: (_, credentials) =>
        credentials === undefined
          ? Promise.reject(new HoldfastError('REPOSITORY_AUTH_FAILED', 'no token'))
          : Promise.resolve(),
      checkWebhookUrl: () => undefined,
      mayBeAt: () => true,
      isPriced: () => true,
    },
  });
  await addParent(refusing.store);
  await refusing.store.secrets.forget('ses_parent', ['git.token']);
  expect((await json(await refusing.fork())).error.code).toBe('REPOSITORY_AUTH_FAILED');
  refusing.temporal.away = true;
  expect((await refusing.fork({ credentials: { gitToken: 't' } })).status).toBe(503);
  expect(await refusing.store.sessions.live()).toEqual(['ses_parent']);
});
