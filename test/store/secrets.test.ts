import { createCipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { openStore, type Store } from '../../src/store/store.ts';
import { sampleSession } from '../support/sample-task.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

async function open(directory: string, masterKeys?: () => string): Promise<Store> {
  const store = openStore({ directory, masterKeys });
  onTestFinished(() => store.close());
  if ((await store.sessions.find('ses_a')) === undefined) await store.sessions.create(sampleSession('ses_a'));
  return store;
}

/** Changes the records as only somebody with the file can. */
function tamper(directory: string, sql: string, ...values: (string | Buffer)[]): void {
  const db = new DatabaseSync(join(directory, 'records.db'));
  db.prepare(sql).run(...values);
  db.close();
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

test('another master key does not open a secret, and the failure says whose it is and which key it wants', async () => {
  const directory = temporaryDirectory();
  const { keys, secrets } = await open(directory);
  await secrets.put('ses_a', 'git.token', 'value');
  const [wanted] = await keys.keys();
  const other = await open(directory, () => Buffer.alloc(32, 7).toString('base64'));
  const refused = other.secrets.get('ses_a', 'git.token');
  await expect(refused).rejects.toMatchObject({ code: 'SECRET_UNREADABLE', class: 'auth', retryable: false });
  await expect(refused).rejects.toThrow(`git.token of ses_a cannot be opened. The master key ${wanted?.id}`);
});

test('a sealed secret that is moved to another session, name or tenant does not open there', async () => {
  const directory = temporaryDirectory();
  const { secrets, sessions } = await open(directory);
  await sessions.create(sampleSession('ses_b'));
  await secrets.put('ses_a', 'git.token', 'value');
  tamper(directory, "INSERT INTO secrets SELECT 'ses_b', name, sealed FROM secrets");
  tamper(
    directory,
    "INSERT INTO secrets SELECT session_id, 'model.apiKey', sealed FROM secrets WHERE session_id = 'ses_a'",
  );
  const unreadable = { code: 'SECRET_UNREADABLE' };
  await expect(secrets.get('ses_b', 'git.token')).rejects.toMatchObject(unreadable);
  await expect(secrets.get('ses_a', 'model.apiKey')).rejects.toMatchObject(unreadable);
  expect(await secrets.get('ses_a', 'git.token')).toBe('value');
  tamper(directory, "UPDATE sessions SET tenant = 'another' WHERE id = 'ses_a'");
  await expect(secrets.get('ses_a', 'git.token')).rejects.toMatchObject(unreadable);
});

test('a secret is forgotten by name, and all of them with their session', async () => {
  const directory = temporaryDirectory();
  const { secrets, sessions, keys } = await open(directory);
  await secrets.put('ses_a', 'git.token', 'a');
  await secrets.put('ses_a', 'webhook.secret', 'b');
  await secrets.forget('ses_a', ['git.token']);
  expect(await secrets.get('ses_a', 'git.token')).toBeUndefined();
  expect(await secrets.get('ses_a', 'webhook.secret')).toBe('b');
  await sessions.delete('ses_a');
  expect(await keys.keys()).toMatchObject([{ secrets: 0 }]);
  await expect(secrets.put('ses_a', 'git.token', 'late')).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' });
});

test('what was sealed before there was a ring of keys still opens, and is sealed anew', async () => {
  const directory = temporaryDirectory();
  const { secrets, keys } = await open(directory);
  const master = Buffer.from(readFileSync(join(directory, 'master.key'), 'utf8'), 'base64');
  const [salt, iv] = [randomBytes(16), randomBytes(12)];
  const key = Buffer.from(hkdfSync('sha256', master, salt, 'holdfast secrets', 32));
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from('ses_a|git.token'));
  const sealed = Buffer.concat([
    Buffer.from('hfs1'),
    salt,
    iv,
    cipher.update('of old'),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
  tamper(directory, "INSERT INTO secrets VALUES ('ses_a', 'git.token', ?)", sealed);
  expect(await secrets.get('ses_a', 'git.token')).toBe('of old');
  expect(await keys.keys()).toMatchObject([{ secrets: 0 }, { id: 'unnamed', secrets: 1 }]);
  expect(await keys.reseal()).toEqual({ resealed: 1, unreadable: 0 });
  expect(await keys.keys()).toMatchObject([{ seals: true, secrets: 1 }]);
  expect(await secrets.get('ses_a', 'git.token')).toBe('of old');
});
