import { expect, test } from 'vitest';
import { assertMayListen } from '../../src/api/auth.ts';
import { sampleSession } from '../support/sample-task.ts';
import { api } from './setting.ts';

const errorOf = async (response: Response) =>
  ((await response.json()) as { error: { code: string; requestId: string; details?: unknown } }).error;
const body = JSON.stringify({ userPrompt: 'x', source: { repoUrl: 'https://git.example.test/x' } });

test('every route is in the OpenAPI 3.1 document, with descriptions', async () => {
  const { call } = api();
  const document = (await (await call('GET', '/openapi.json')).json()) as {
    openapi: string;
    paths: Record<string, Record<string, { summary?: string }>>;
  };
  expect(document.openapi).toBe('3.1.0');
  const calls = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  const below = [
    '',
    '/contract',
    '/snapshot',
    '/events',
    '/diff',
    '/report',
    '/transcript',
    '/artifacts',
    '/artifacts/{name}',
    '/bundle',
    '/checkpoints',
  ];
  const posts = ['preflight', 'contract', 'approve', 'execute', 'pause', 'resume', 'abort', 'fork'];
  expect(calls.toSorted()).toEqual(
    [
      'get /healthz',
      'get /readyz',
      'get /api/sessions',
      'post /api/sessions',
      'delete /api/sessions/{id}',
      'get /api/master-keys',
      'post /api/master-keys/rotate',
      'post /v1/forges/{kind}/webhook',
      'get /api/storage',
      'post /api/storage/reap',
      ...below.map((path) => `get /api/sessions/{id}${path}`),
      ...posts.map((name) => `post /api/sessions/{id}/${name}`),
    ].toSorted(),
  );
  expect(
    Object.values(document.paths)
      .flatMap(Object.values)
      .every(({ summary }) => summary),
  ).toBe(true);
});

test('while Temporal is away reads answer from the records, and a create is refused with nothing kept', async () => {
  const { call, store } = api();
  await store.sessions.create(sampleSession('ses_a'));
  expect((await call('GET', '/api/sessions/ses_a')).status).toBe(200);
  const unready = await call('GET', '/readyz');
  expect([unready.status, await errorOf(unready)]).toMatchObject([
    503,
    { code: 'TEMPORAL_UNAVAILABLE', details: { temporal: false, records: true } },
  ]);
  const refused = await call('POST', '/api/sessions', { body });
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '2']);
  expect((await errorOf(refused)).code).toBe('TEMPORAL_UNAVAILABLE');
  expect(await store.sessions.live()).toEqual(['ses_a']);
}, 20_000);

test('with an Idempotency-Key the session is kept for the retry, together with its secrets', async () => {
  const { call, store } = api();
  const source = { repoUrl: 'https://git.example.test/x', credentials: { token: 'secret-token' } };
  const options = { body: JSON.stringify({ userPrompt: 'x', source }), headers: { 'idempotency-key': 'k' } };
  for (const _ of [1, 2]) expect((await call('POST', '/api/sessions', options)).status).toBe(503);
  const [id = '', ...others] = await store.sessions.live();
  expect(others).toEqual([]);
  expect(await store.secrets.get(id, 'git.token')).toBe('secret-token');
  expect(JSON.stringify(await store.sessions.get(id))).not.toContain('secret-token');
}, 30_000);

test.each([
  [{ host: 'evil.example.test' }],
  [{ host: '169.254.169.254' }],
  [{ host: 'localhost:8420', origin: 'http://evil.example.test' }],
  [{ host: 'localhost:8420', origin: 'null' }],
  [{ host: 'localhost:8420', 'sec-fetch-site': 'cross-site' }],
])('without keys a call with %j is refused', async (headers) => {
  const { call } = api();
  const answer = await call('GET', '/api/sessions', { headers });
  expect([answer.status, (await errorOf(answer)).code]).toEqual([403, 'FORBIDDEN_ORIGIN']);
});

test('with keys only their bearers may call, from anywhere; health stays open', async () => {
  const { call } = api({ apiKeys: () => ['one', 'two'] });
  const get = (authorization?: string) =>
    call('GET', '/api/sessions', { headers: { host: 'api.example.test', ...(authorization && { authorization }) } });
  expect((await get('Bearer two')).status).toBe(200);
  for (const wrong of [undefined, 'Bearer three', 'Basic b25l', 'Bearer ']) {
    const answer = await get(wrong);
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
  }
  expect((await call('GET', '/healthz', { headers: { host: 'x' } })).status).toBe(200);
});

test('a body without a length that grows beyond 1 MB is refused', async () => {
  const { call } = api();
  const chunk = new TextEncoder().encode(' '.repeat(100_000));
  let sent = 0;
  const stream = new ReadableStream({
    pull: (controller) => {
      sent += 1;
      if (sent > 12) controller.close();
      else controller.enqueue(chunk);
    },
  });
  const answer = await call('POST', '/api/sessions', { body: stream, duplex: 'half' } as RequestInit);
  expect([answer.status, (await errorOf(answer)).code]).toEqual([413, 'BODY_TOO_LARGE']);
});

test('the list goes on by its cursor, and what is no cursor is refused', async () => {
  const { call, store } = api();
  for (const index of [1, 2, 3]) await store.sessions.create(sampleSession(`ses_${index}`, { createdAt: index }));
  const page = async (query: string) =>
    (
      (await (await call('GET', `/api/sessions?${query}`)).json()) as {
        data: { items: { sessionId: string }[]; nextCursor: string | null };
      }
    ).data;
  const first = await page('limit=2');
  const second = await page(`limit=2&cursor=${first.nextCursor}`);
  expect([...first.items, ...second.items].map(({ sessionId }) => sessionId)).toEqual(['ses_3', 'ses_2', 'ses_1']);
  expect(second.nextCursor).toBeNull();
  for (const query of ['cursor=nonsense', 'limit=0', 'limit=many', 'state=NOWHERE', 'colour=red']) {
    expect((await call('GET', `/api/sessions?${query}`)).status).toBe(422);
  }
});

test('every answer names its request, and a failure of the server tells nothing of its inside', async () => {
  const { call } = api({
    checks: {
      checkSource: () => {
        throw new TypeError('inside');
      },
      probeSource: async () => undefined,
      checkWebhookUrl: () => undefined,
      mayBeAt: () => true,
      isPriced: () => true,
    },
  });
  const answer = await call('POST', '/api/sessions', { body });
  const error = await errorOf(answer);
  expect(answer.status).toBe(500);
  expect(error).toMatchObject({ code: 'INTERNAL', requestId: answer.headers.get('x-request-id') });
  expect(JSON.stringify(error)).not.toContain('inside');
});

test('the server does not listen for others without a key', () => {
  expect(() => assertMayListen('0.0.0.0', [])).toThrow('loopback only');
  expect(() => assertMayListen('0.0.0.0', ['key'])).not.toThrow();
  for (const host of ['127.0.0.1', 'localhost', '::1']) expect(() => assertMayListen(host, [])).not.toThrow();
});
