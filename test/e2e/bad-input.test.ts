import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/holdfast.ts';
import { canaries, startSetting, type Setting } from '../support/scripted-setting.ts';

let setting: Setting;
let good: { repoUrl: string; credentials: object };
beforeAll(async () => {
  setting = await startSetting();
  const repoUrl = await setting.git.createRepository('good', { 'README.md': '# sample\n' });
  good = { repoUrl, credentials: { username: 'git', token: canaries.gitToken } };
});
afterAll(() => setting.stop());

const create = (body: unknown) => setting.holdfast.call('POST', '/api/sessions', body);
const stored = async () => (await setting.holdfast.call('GET', '/api/sessions')).body.data.items.length as number;

const skill = (lines: string, body = '') => `---\nname: s\ndescription: d\n${lines}---\n${body}`;

/** Bodies that must be refused: what they are about, the body, status, code, and the paths of all faults. */
const cases: [string, (source: typeof good) => unknown, number, string, string[]][] = [
  [
    'unknown fields and wrong types, all named at once',
    (source) => ({ userPrompt: '', source, surprise: 1, limits: { maxSteps: 0 }, model: { colour: 'red' } }),
    422,
    'INVALID_REQUEST',
    ['userPrompt', 'surprise', 'limits.maxSteps', 'model.colour'],
  ],
  ['no source', () => ({ userPrompt: 'x' }), 422, 'INVALID_REPOSITORY_URL', []],
  [
    'a URL that is no repository',
    () => ({ userPrompt: 'x', source: { repoUrl: 'ext::sh -c id' } }),
    422,
    'INVALID_REPOSITORY_URL',
    [],
  ],
  [
    'a URL with credentials in it',
    () => ({ userPrompt: 'x', source: { repoUrl: 'https://user:pw@git.example.test/x' } }),
    422,
    'INVALID_REPOSITORY_URL',
    [],
  ],
  [
    'an SSH URL without a key',
    () => ({ userPrompt: 'x', source: { repoUrl: 'git@example.test:x.git' } }),
    422,
    'INVALID_REQUEST',
    ['source.credentials.sshKey', 'source.credentials.knownHosts'],
  ],
  [
    'a repository that does not answer',
    () => ({ userPrompt: 'x', source: { repoUrl: 'http://127.0.0.1:1/x.git' } }),
    422,
    'REPOSITORY_UNREACHABLE',
    [],
  ],
  [
    'a repository that does not exist',
    (source) => ({ userPrompt: 'x', source: { ...source, repoUrl: source.repoUrl.replace('good', 'bad') } }),
    422,
    'REPOSITORY_UNREACHABLE',
    [],
  ],
  [
    'a wrong token',
    (source) => ({ userPrompt: 'x', source: { ...source, credentials: { username: 'git', token: 'wrong' } } }),
    422,
    'REPOSITORY_AUTH_FAILED',
    [],
  ],
  [
    'a ref that is not there',
    (source) => ({ userPrompt: 'x', source: { ...source, ref: 'nowhere' } }),
    422,
    'REF_NOT_FOUND',
    [],
  ],
  [
    'a webhook URL that is none',
    (source) => ({ userPrompt: 'x', source, webhook: { url: 'ftp://x' } }),
    422,
    'INVALID_WEBHOOK_URL',
    [],
  ],
  [
    'an unknown tool in a skill',
    (source) => ({ userPrompt: 'x', source, skillText: skill('required_tools: [read, fly]\n') }),
    422,
    'INVALID_SKILL',
    ['required_tools.1'],
  ],
  [
    'variables of a skill that nothing gives a value',
    (source) => ({ userPrompt: 'x', source, skillText: skill('', 'Use {{one}} and {{two}}.') }),
    422,
    'INVALID_SKILL',
    ['body', 'body'],
  ],
  [
    'a directory outside the allowed roots',
    () => ({ userPrompt: 'x', workingDir: '/etc' }),
    422,
    'PATH_NOT_ALLOWED',
    [],
  ],
  [
    "another model host without a key of its own: the server's key must not go there",
    (source) => ({ userPrompt: 'x', source, model: { baseUrl: 'https://elsewhere.example.test' } }),
    422,
    'INVALID_REQUEST',
    ['model.apiKey'],
  ],
  [
    'what is not there yet',
    (source) => ({
      userPrompt: 'x',
      source: { ...source, credentialId: 'crd_1' },
      delivery: 'pull_request', // There; but where?
      webhook: { url: 'http://127.0.0.1:9/', cron: '* * * * *' },
    }),
    422,
    'INVALID_REQUEST',
    ['source.credentialId', 'webhook.cron', 'forge'],
  ],
];

test.each(cases)('%s: refused, with remedy, and nothing is stored', async (_, body, status, code, paths) => {
  const before = await stored();
  const answer = await create(body(good));
  expect([answer.status, answer.body.error.code]).toEqual([status, code]);
  expect(answer.body.error.remedy).toMatch(/\w/);
  expect(answer.body.error.requestId).toMatch(/\w/);
  const faults = (answer.body.error.details?.faults ?? []) as { path: string }[];
  expect(faults.map(({ path }) => path.replace(/^skillText\./, '')).toSorted()).toEqual(paths.toSorted());
  expect(JSON.stringify(answer.body)).not.toContain(canaries.gitToken);
  expect(await stored()).toBe(before);
});

test('malformed JSON, another content type and 10 MB are refused', async () => {
  const post = (body: string, type = 'application/json') =>
    fetch(`${setting.holdfast.url}/api/sessions`, { method: 'POST', body, headers: { 'content-type': type } });
  const codeOf = async (response: Response) => [
    response.status,
    ((await response.json()) as { error: { code: string } }).error.code,
  ];
  expect(await codeOf(await post('{"userPrompt": '))).toEqual([400, 'MALFORMED_JSON']);
  expect(await codeOf(await post('{}', 'text/plain'))).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
  expect(await codeOf(await post(JSON.stringify({ userPrompt: 'x'.repeat(10 * 2 ** 20) })))).toEqual([
    413,
    'BODY_TOO_LARGE',
  ]);
});

test('unknown sessions, paths and foreign origins are refused in the envelope', async () => {
  const { holdfast } = setting;
  for (const [method, path] of [
    ['GET', '/api/sessions/ses_none'],
    ['POST', '/api/sessions/ses_none/preflight'],
    ['POST', '/api/sessions/ses_none/execute'],
    ['POST', '/api/sessions/ses_none/abort'],
    ['GET', '/api/sessions/ses_none/diff'],
  ] as const) {
    const answer = await holdfast.call(method, path, method === 'POST' ? {} : undefined);
    expect([path, answer.status, answer.body.error.code]).toEqual([path, 404, 'SESSION_NOT_FOUND']);
  }
  expect((await holdfast.call('GET', '/api/nothing')).body.error.code).toBe('NOT_FOUND');
  const foreign = await holdfast.call('GET', '/api/sessions', undefined, { origin: 'https://evil.example.test' });
  expect([foreign.status, foreign.body.error.code]).toEqual([403, 'FORBIDDEN_ORIGIN']);
  expect((await holdfast.call('DELETE', '/api/sessions/ses_none')).status).toBe(204);
});

test('execute before preflight, a second execute and an answer after the freeze are refused', async () => {
  const { holdfast, request } = setting;
  const id = await holdfast.create(request('endless', good.repoUrl, { auto: false }));
  const call = async (what: string, body: object) => {
    const answer = await holdfast.call('POST', `/api/sessions/${id}/${what}`, body);
    return [answer.status, answer.body.error?.code ?? 'ok'];
  };
  expect(await call('execute', {})).toEqual([409, 'PREFLIGHT_REQUIRED']);
  expect(await call('preflight', {})).toEqual([200, 'ok']);
  expect(await call('execute', { requestId: 'e1' })).toEqual([200, 'ok']);
  expect(await call('execute', {})).toEqual([409, 'ALREADY_EXECUTING']);
  expect(await call('execute', { requestId: 'e1' })).toEqual([200, 'ok']);
  expect(await call('preflight', { inputs: { a: 'b' } })).toEqual([409, 'CONTRACT_FROZEN']);
  expect((await holdfast.call('DELETE', `/api/sessions/${id}`)).status).toBe(204);
  expect((await holdfast.call('GET', `/api/sessions/${id}`)).status).toBe(404);
});

test('the same Idempotency-Key gives the same session, and refuses another body', async () => {
  const { holdfast, request } = setting;
  const body = request('asks', good.repoUrl, { auto: false });
  const headers = { 'idempotency-key': 'key-1' };
  const first = await holdfast.call('POST', '/api/sessions', body, headers);
  const second = await holdfast.call('POST', '/api/sessions', body, headers);
  expect([second.status, second.headers.get('idempotent-replay')]).toEqual([201, 'true']);
  expect(second.body.data.sessionId).toBe(first.body.data.sessionId);
  const other = await holdfast.call('POST', '/api/sessions', { ...body, userPrompt: 'other' }, headers);
  expect([other.status, other.body.error.code]).toEqual([422, 'IDEMPOTENCY_MISMATCH']);
});

test('a wrong model key pauses the session with the remedy, and it goes on after the key is corrected', async () => {
  const { holdfast, request, git } = setting;
  const repoUrl = await git.createRepository('wrong-key', { 'README.md': '# sample\n' });
  const id = await holdfast.create(request('marked', repoUrl, { model: { id: 'marked', apiKey: 'wrong-key-1' } }));
  const paused = await holdfast.reach(id, 'PAUSED');
  expect(paused.pause).toMatchObject({ code: 'MODEL_AUTH_FAILED', remedy: expect.stringContaining('resume') });
  const credentials = { modelApiKey: canaries.modelKey };
  expect((await holdfast.call('POST', `/api/sessions/${id}/resume`, { credentials })).status).toBe(202);
  expect((await holdfast.reach(id, 'COMPLETE', 'FAILED')).state).toBe('COMPLETE');
});

test('a missing model key pauses, and the session goes on when the server has one', async () => {
  const { holdfast, request, git } = setting;
  const repoUrl = await git.createRepository('no-key', { 'README.md': '# sample\n' });
  await holdfast.drain();
  await holdfast.start({ LLM_API_KEY: '' });
  const id = await holdfast.create(request('marked', repoUrl));
  expect((await holdfast.reach(id, 'PAUSED')).pause.code).toBe('MODEL_KEY_MISSING');
  await holdfast.drain();
  await holdfast.start({ LLM_API_KEY: canaries.modelKey });
  await holdfast.call('POST', `/api/sessions/${id}/resume`, {});
  expect((await holdfast.reach(id, 'COMPLETE', 'FAILED')).state).toBe('COMPLETE');
});

test('a directory is taken in and the result is brought back into it; a directory that changed is left alone', async () => {
  const { holdfast, request } = setting;
  const allowed = join(holdfast.dataDir, 'projects');
  mkdirSync(join(allowed, 'one'), { recursive: true });
  await holdfast.drain();
  await holdfast.start({ ALLOWED_ROOTS: allowed });
  const { source: _, ...body } = request('marked', '') as { source: object };
  const id = await holdfast.create({ ...body, workingDir: join(allowed, 'one'), userPrompt: 'mark here' });
  expect((await holdfast.reach(id, 'COMPLETE', 'FAILED')).state).toBe('COMPLETE');
  expect(readFileSync(join(allowed, 'one', 'mark.txt'), 'utf8')).toBe('here\n'.repeat(4));

  mkdirSync(join(allowed, 'two'));
  const other = await holdfast.create({ ...body, workingDir: join(allowed, 'two'), userPrompt: 'mark here' });
  await until(async () => (await holdfast.session(other)).usage.turns >= 1);
  writeFileSync(join(allowed, 'two', 'mark.txt'), 'mine');
  expect((await holdfast.reach(other, 'COMPLETE', 'FAILED')).failure.code).toBe('DIRECTORY_CHANGED');
  expect(readFileSync(join(allowed, 'two', 'mark.txt'), 'utf8')).toBe('mine');
  expect((await holdfast.call('GET', `/api/sessions/${other}/diff`)).body).toContain('+++ b/mark.txt');
});
