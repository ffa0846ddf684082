import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { loadConfig } from '../src/config.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';

test('nothing has to be set', () => {
  expect(loadConfig({})).toMatchObject({
    host: '127.0.0.1',
    port: 8420,
    model: { provider: 'anthropic' },
    sandbox: { mode: 'bwrap' },
  });
});

test('every faulty variable is named at once', () => {
  const env = {
    PORT: 'many',
    MAX_STEPS: '0',
    LLM_PROVIDER: 'nobody',
    SANDBOX: 'maybe',
    LLM_API_KEY: 'a',
    LLM_API_KEY_FILE: 'b',
  };
  const faults = expect.objectContaining({ code: 'INVALID_REQUEST' });
  expect(() => loadConfig(env)).toThrow(faults);
  for (const name of ['PORT', 'MAX_STEPS', 'LLM_PROVIDER', 'SANDBOX', 'LLM_API_KEY'])
    expect(() => loadConfig(env)).toThrow(name);
});

test('the scripted demo is no silent fallback', () => {
  expect(() => loadConfig({ LLM_PROVIDER: 'scripted-demo' })).toThrow('DEMO=1');
  expect(loadConfig({ LLM_PROVIDER: 'scripted-demo', DEMO: '1' }).model.provider).toBe('scripted-demo');
});

test('a secret from a file is read anew each time, and neither prints nor serializes', () => {
  const file = join(temporaryDirectory(), 'key');
  const { modelKey, ...config } = loadConfig({ LLM_API_KEY_FILE: file });
  expect(modelKey.reveal()).toBeUndefined();
  writeFileSync(file, 'canary-one\n');
  expect(modelKey.reveal()).toBe('canary-one');
  writeFileSync(file, 'canary-two\n');
  expect(modelKey.reveal()).toBe('canary-two');
  expect(JSON.stringify({ ...config, modelKey }) + inspect(modelKey, { showHidden: true })).not.toContain('canary');
});

test('networks that commands may reach are named with their prefix', () => {
  const networks = loadConfig({ EGRESS_PRIVATE_NETWORKS: '10.1.0.0/16, fd00:1::/32' }).egress.privateNetworks;
  expect(networks).toEqual(['10.1.0.0/16', 'fd00:1::/32']);
  expect(loadConfig({}).egress.privateNetworks).toEqual([]);
  for (const wrong of ['10.1.0.0', 'inside', '10.1.0.0/33', '10.1.0.0/16;10.2.0.0/16'])
    expect(() => loadConfig({ EGRESS_PRIVATE_NETWORKS: wrong })).toThrow('EGRESS_PRIVATE_NETWORKS');
});

test('webhooks may go to private networks only where nobody else can call', () => {
  expect(loadConfig({}).webhook.allowPrivate).toBe(true);
  expect(loadConfig({ API_KEYS: 'k' }).webhook.allowPrivate).toBe(false);
  expect(loadConfig({ API_KEYS: 'k', WEBHOOK_ALLOW_PRIVATE: 'true' }).webhook.allowPrivate).toBe(true);
});

test('a file of master keys that is named must be there: nothing is made in its place', () => {
  expect(loadConfig({}).masterKeys).toBeUndefined();
  expect(loadConfig({ MASTER_KEY: 'a' }).masterKeys?.()).toBe('a');
  const file = join(temporaryDirectory(), 'keys');
  const { masterKeys } = loadConfig({ MASTER_KEY_FILE: file });
  expect(masterKeys).toThrow('MASTER_KEY_FILE');
  writeFileSync(file, 'b\n');
  expect(masterKeys?.()).toBe('b');
});
