import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { KeyRing } from '../../src/sealing/key-ring.ts';
import { codecEndpoint } from '../../src/temporal/codec-endpoint.ts';
import { SealedPayloads } from '../../src/temporal/payload-codec.ts';
import { api } from './setting.ts';

const UI = 'http://127.0.0.1:8233';
const key = randomBytes(32);
const endpoint = codecEndpoint(new SealedPayloads(new KeyRing(() => [key])));
const codec = { endpoint, uiOrigins: [UI, 'http://localhost:8233'] };
const encoding = Buffer.from('json/plain').toString('base64');
const wire = { metadata: { encoding }, data: Buffer.from('"canary"').toString('base64') };
const post = (payloads: unknown, headers: Record<string, string> = {}) => ({
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify({ payloads }),
});

test('a page of the Web UI has payloads decrypted, in the words of Temporal’s protocol', async () => {
  const { call } = api({ codec });
  const asked = await call('OPTIONS', '/v1/codec/decode', {
    headers: {
      origin: UI,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,authorization-extras,content-type,x-namespace',
    },
  });
  expect(asked.status).toBe(204);
  expect(asked.headers.get('access-control-allow-origin')).toBe(UI);
  expect(asked.headers.get('access-control-allow-credentials')).toBe('true');
  const allowed = asked.headers.get('access-control-allow-headers')?.split(',');
  expect(allowed).toEqual(['authorization', 'authorization-extras', 'content-type', 'x-namespace']);
  const sealed = await endpoint.encode([wire]);
  const answer = await call('POST', '/v1/codec/decode', post(sealed, { origin: UI, 'x-namespace': 'default' }));
  expect(answer.status).toBe(200);
  expect(answer.headers.get('access-control-allow-origin')).toBe(UI);
  expect(answer.headers.get('access-control-allow-credentials')).toBe('true');
  expect(await answer.json()).toEqual({ payloads: [wire] });
  const encoded = (await (await call('POST', '/v1/codec/encode', post([wire]))).json()) as { payloads: typeof sealed };
  expect(await endpoint.decode(encoded.payloads)).toEqual([wire]);
});

test('pages of other origins are not let in, and those of the Web UI into nothing else', async () => {
  const { call } = api({ codec });
  const elsewhere = 'https://evil.example.test';
  const sealed = await endpoint.encode([wire]);
  expect((await call('POST', '/v1/codec/decode', post(sealed, { origin: elsewhere }))).status).toBe(403);
  const asked = await call('OPTIONS', '/v1/codec/decode', {
    headers: { origin: elsewhere, 'access-control-request-method': 'POST' },
  });
  expect(asked.headers.get('access-control-allow-origin')).toBeNull();
  expect((await call('GET', '/api/sessions', { headers: { origin: UI } })).status).toBe(403);
  expect((await call('POST', '/v1/codec/decode', post(sealed, { origin: UI, host: 'rebound.example' }))).status).toBe(
    403,
  );
});

test('with keys nobody decrypts without one, wherever the page is from', async () => {
  const { call } = api({ codec, apiKeys: () => ['right'] });
  const sealed = await endpoint.encode([wire]);
  expect((await call('POST', '/v1/codec/decode', post(sealed, { origin: UI }))).status).toBe(401);
  const known = post(sealed, { origin: UI, authorization: 'Bearer right' });
  expect((await call('POST', '/v1/codec/decode', known)).status).toBe(200);
});

test('what another key sealed is refused with a word, and what is no payload with every fault', async () => {
  const { call } = api({ codec });
  const foreign = await codecEndpoint(new SealedPayloads(new KeyRing(() => [randomBytes(32)]))).encode([wire]);
  const refused = await call('POST', '/v1/codec/decode', post(foreign));
  expect([refused.status, await refused.json()]).toMatchObject([409, { error: { code: 'SECRET_UNREADABLE' } }]);
  const wrong = await call('POST', '/v1/codec/decode', post([{ data: 'no base64!' }]));
  expect(wrong.status).toBe(422);
});

test('where nothing is encrypted there is no codec', async () => {
  expect((await api().call('POST', '/v1/codec/decode', post([wire]))).status).toBe(404);
});
