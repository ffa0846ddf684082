import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openStore, type Store } from '../../src/store/store.ts';
import { sampleSession } from '../support/sample-task.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

async function open(directory: string, masterKey?: string): Promise<Store> {
  const store = openStore({ directory, masterKey });
  onTestFinished(() => store.close());
  if ((await store.sessions.find('ses_a')) === undefined) await store.sessions.create(sampleSession('ses_a'));
  return store;
}

test('a secret comes back as it was given, and no file holds it in the clear', async () => {
  const directory = temporaryDirectory();
  const { secrets } = await open(directory);
  await secrets.put('ses_a', 'git.token', 'canary-7f3e');
  expect(await secrets.get('ses_a', 'git.token')).toBe('canary-7f3e');
  expect(await secrets.get('ses_a', 'model.apiKey')).toBeUndefined();
  for (const file of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const path = join(directory, file);
    if (statSync(path).isFile()) expect(readFileSync(path).includes('canary-7f3e')).toBe(false);
  }
});

test('the master key is made once and only its owner can read it', async () => {
  const directory = temporaryDirectory();
  await (await open(directory)).secrets.put('ses_a', 'git.token', 'value');
  expect(statSync(join(directory, 'master.key')).mode & 0o777).toBe(0o600);
  expect(await (await open(directory)).secrets.get('ses_a', 'git.token')).toBe('value');
});

test('another master key does not open a secret', async () => {
  const directory = temporaryDirectory();
  await (await open(directory)).secrets.put('ses_a', 'git.token', 'value');
  const other = await open(directory, Buffer.alloc(32, 7).toString('base64'));
  await expect(other.secrets.get('ses_a', 'git.token')).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
});

test('a secret is forgotten by name', async () => {
  const { secrets } = await open(temporaryDirectory());
  await secrets.put('ses_a', 'git.token', 'a');
  await secrets.put('ses_a', 'webhook.secret', 'b');
  await secrets.forget('ses_a', ['git.token']);
  expect(await secrets.get('ses_a', 'git.token')).toBeUndefined();
  expect(await secrets.get('ses_a', 'webhook.secret')).toBe('b');
});
