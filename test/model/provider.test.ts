import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createModels, type AssistantMessage } from '@earendil-works/pi-ai';
import { expect, onTestFinished, test, vi } from 'vitest';
import { baseUrlOf } from '../../src/domain/model-address.ts';
import { modelOf } from '../../src/model/catalogue.ts';
import { classifyModelError } from '../../src/model/classify.ts';
import { createModel, type ModelAccess, type ModelOptions } from '../../src/model/provider.ts';
import { freePort } from '../../src/temporal/embedded-server.ts';
import { startScriptedModel } from '../support/scripted-model/server.ts';

const providers = ['anthropic', 'openai', 'openai-responses'] as const;
type Provider = (typeof providers)[number];
const KEY = 'sk-test-0123456789';

function complete({ provider, model }: ModelAccess): Promise<AssistantMessage> {
  const models = createModels();
  models.setProvider(provider);
  return models.completeSimple(model, { messages: [{ role: 'user', content: 'Hi.', timestamp: 0 }] });
}

const access = (provider: Provider, baseUrl: string, options: ModelOptions = {}) =>
  createModel({ provider, id: 'hello', baseUrl, thinkingLevel: 'off' }, KEY, options);

/** A server that notes the headers of what comes and answers with `status` and `location`. */
async function listen(status: number, headers: Record<string, string> = {}) {
  const received: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    received.push(request.headers);
    response.writeHead(status, headers).end('{"error":{"message":"no"}}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { received, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test.each(providers)('%s: base URLs work with and without /v1 and a trailing slash', async (provider) => {
  const server = await startScriptedModel({ hello: { turns: [{ text: 'Hello.' }] } }, { key: KEY });
  onTestFinished(() => server.close());
  for (const suffix of ['', '/', '/v1', '/v1/']) {
    const reply = await complete(access(provider, server.url + suffix));
    expect(reply.content).toMatchObject([{ type: 'text', text: 'Hello.' }]);
  }
});

test('a version in the path of an OpenAI-compatible server is left alone', () => {
  expect(baseUrlOf('openai', 'https://host.test/api/paas/v4/')).toBe('https://host.test/api/paas/v4');
  expect(baseUrlOf('openai', 'https://host.test/v1beta/openai')).toBe('https://host.test/v1beta/openai');
  expect(baseUrlOf('openai', 'https://host.test/openai')).toBe('https://host.test/openai/v1');
  expect(baseUrlOf('openai-responses', undefined)).toBe('https://api.openai.com/v1');
  expect(baseUrlOf('anthropic', 'https://gateway.test/anthropic/v1/')).toBe('https://gateway.test/anthropic');
});

test('known models bring window and price from the catalogue, what the spec says wins, unknown ones are careful', () => {
  const known = modelOf({ provider: 'anthropic', id: 'claude-sonnet-4-5', thinkingLevel: 'off' });
  expect(known).toMatchObject({
    baseUrl: 'https://api.anthropic.com',
    reasoning: true,
    cost: { input: 3, output: 15 },
  });
  expect(known.contextWindow).toBeGreaterThan(100_000);
  const cost = { input: 1, output: 2, cacheRead: 0, cacheWrite: 0 };
  const own = modelOf({
    provider: 'openai',
    id: 'gpt-5',
    thinkingLevel: 'off',
    contextWindow: 10_000,
    maxTokens: 500,
    cost,
  });
  expect(own).toMatchObject({ api: 'openai-completions', contextWindow: 10_000, maxTokens: 500, cost });
  const unknown = modelOf({ provider: 'openai', id: 'my-llama', baseUrl: 'http://llama.test', thinkingLevel: 'off' });
  expect(unknown).toMatchObject({
    reasoning: false,
    compat: { supportsDeveloperRole: false, maxTokensField: 'max_tokens' },
  });
});

test.each(providers)('%s: nothing of the environment reaches the endpoint', async (provider) => {
  const leaks = {
    OPENAI_CUSTOM_HEADERS: 'X-Leak: custom-leak\nAuthorization: Bearer auth-leak',
    ANTHROPIC_CUSTOM_HEADERS: 'X-Leak: custom-leak',
    OPENAI_ORG_ID: 'org-leak',
    OPENAI_PROJECT_ID: 'project-leak',
    OPENAI_API_KEY: 'sk-openai-leak',
    ANTHROPIC_API_KEY: 'sk-anthropic-leak',
    ANTHROPIC_AUTH_TOKEN: 'token-leak',
    OPENAI_BASE_URL: 'http://leak.invalid',
    ANTHROPIC_BASE_URL: 'http://leak.invalid',
  };
  for (const [name, value] of Object.entries(leaks)) vi.stubEnv(name, value);
  onTestFinished(() => void vi.unstubAllEnvs());
  const { received, url } = await listen(500);
  await complete(access(provider, url));
  expect(received).toHaveLength(1);
  expect(JSON.stringify(received)).not.toContain('leak');
  expect(received[0]?.['x-api-key'] ?? '').toBe(provider === 'anthropic' ? KEY : '');
});

test.each(providers)('%s: a redirect is not followed, for it would carry the key elsewhere', async (provider) => {
  const elsewhere = await listen(200);
  const { url } = await listen(307, { location: `${elsewhere.url}/v1/messages` });
  const reply = await complete(access(provider, url));
  expect(reply.stopReason).toBe('error');
  expect(elsewhere.received).toHaveLength(0);
});

test.each(['$HOME', '!touch executed', '${HOME}'])('the key %s is sent as it is', async (key) => {
  const { received, url } = await listen(401);
  const spec = { provider: 'openai', id: 'hello', baseUrl: url, thinkingLevel: 'off' } as const;
  if (key.includes(' '))
    expect(() => createModel(spec, key)).toThrow(expect.objectContaining({ code: 'MODEL_AUTH_FAILED' }));
  else await complete(createModel(spec, key));
  expect(received.map(({ authorization }) => authorization)).toEqual(key.includes(' ') ? [] : [`Bearer ${key}`]);
});

test('a key that no header can carry is refused without being shown', () => {
  const spec = { provider: 'openai', id: 'hello', thinkingLevel: 'off' } as const;
  expect(() => createModel(spec, 'sk-secret\nX-Evil: 1')).toThrow(
    expect.objectContaining({ code: 'MODEL_AUTH_FAILED' }),
  );
  expect(() => createModel(spec, 'sk-secret\nX-Evil: 1')).not.toThrow(/sk-secret/);
  expect(() => createModel(spec, undefined)).toThrow(expect.objectContaining({ code: 'MODEL_KEY_MISSING' }));
});

const unreachable = [
  ['nobody listens', async () => `http://127.0.0.1:${await freePort()}`, /ECONNREFUSED/],
  ['the name leads nowhere', async () => 'http://model.invalid', /ENOTFOUND|EAI_AGAIN/],
  [
    'it does not speak TLS',
    async () => (await listen(200)).url.replace('http:', 'https:'),
    /ERR_SSL|EPROTO|ECONNRESET/,
  ],
] as const;

test.each(providers.flatMap((provider) => unreachable.map((one) => [provider, ...one] as const)))(
  '%s: an endpoint where %s is an outage that names what was wrong',
  async (provider, _, urlOf, networkCode) => {
    const failure = classifyModelError(await complete(access(provider, await urlOf())));
    expect(failure).toMatchObject({ code: 'MODEL_UNAVAILABLE', details: { status: null } });
    expect(failure.details?.['networkCode']).toMatch(networkCode);
    expect(failure.message).toContain('cannot be reached');
  },
);

test.each(providers)('%s: a stalled stream fails on its own, and a slow one does not', async (provider) => {
  const server = await startScriptedModel({
    hello: { turns: [{ text: 'One two three four five six seven eight.' }], pieceChars: 5 },
  });
  onTestFinished(() => server.close());
  const options = { idleTimeoutMs: 250 };
  server.faults.plan({ fault: { kind: 'stall', afterEvents: 4 } });
  const stalled = await complete(access(provider, server.url, options));
  expect(classifyModelError(stalled)).toMatchObject({
    code: 'MODEL_UNAVAILABLE',
    message: 'The model sent nothing for 250 ms.',
  });
  // Longer than the limit in total, but never silent for so long.
  server.faults.plan({ fault: { kind: 'slow', ttftMs: 60, pieceMs: 60 } });
  const slow = await complete(access(provider, server.url, options));
  expect(slow.stopReason).toBe('stop');
  expect(server.journal().at(-1)?.ms).toBeGreaterThan(250);
});

test('a model at an address that a task named is dialled by the rules for what is named, and refused for good', async () => {
  const server = await startScriptedModel({ hello: { turns: [{ text: 'Hello.' }] } }, { key: KEY });
  onTestFinished(() => server.close());
  const url = server.url.replace('127.0.0.1', 'localhost');
  const ask = (networks: string[]) =>
    complete(access('anthropic', url, { network: { allowPrivate: false, networks } }));
  expect(classifyModelError(await ask([]))).toMatchObject({
    code: 'MODEL_REJECTED',
    retryable: false,
    message: expect.stringContaining('an address that this server may not connect to'),
    remedy: expect.stringContaining('OUTBOUND_PRIVATE_NETWORKS'),
  });
  const reply = await ask(['127.0.0.0/8', '::1/128']);
  expect(reply.content).toMatchObject([{ type: 'text', text: 'Hello.' }]);
});
