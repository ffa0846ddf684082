import { randomBytes } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { addKeyTo, parseMasterKeys } from '../../src/sealing/master-keys.ts';
import { idOf } from '../../src/sealing/key-ring.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { sampleSession } from '../support/sample-task.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const SECRETS = 250;

function open(directory: string, masterKeys?: () => string): Store {
  const store = openStore({ directory, masterKeys });
  onTestFinished(() => store.close());
  return store;
}

/** A store with more secrets than are sealed anew at a time. */
async function filled(directory: string, masterKeys?: () => string): Promise<Store> {
  const store = open(directory, masterKeys);
  for (let index = 0; index < SECRETS; index += 1) {
    const id = `ses_${index}`;
    const secrets = [store.secrets.seal({ tenant: 'default', id }, 'git.token', `token ${index}`)];
    await store.sessions.create(sampleSession(id, { secrets }));
  }
  return store;
}

async function expectAllReadable({ secrets }: Store): Promise<void> {
  for (let index = 0; index < SECRETS; index += 1)
    expect(await secrets.get(`ses_${index}`, 'git.token')).toBe(`token ${index}`);
}

test('a rotation makes a key and seals every secret with it; the old key stays', async () => {
  const directory = temporaryDirectory();
  const store = await filled(directory);
  const [before] = await store.keys.keys();
  const rotated = await store.keys.rotate();
  expect(rotated).toEqual({ added: rotated.seals, seals: rotated.seals, resealed: SECRETS, unreadable: 0 });
  expect(await store.keys.keys()).toEqual([
    { id: rotated.seals, seals: true, present: true, secrets: SECRETS },
    { id: before?.id, seals: false, present: true, secrets: 0 },
  ]);
  expect(statSync(join(directory, 'master.key')).mode & 0o777).toBe(0o600);
  await expectAllReadable(store);
  await expectAllReadable(open(directory));
});

test('another process opens what was sealed with the key it has not seen yet', async () => {
  const directory = temporaryDirectory();
  const store = await filled(directory);
  const other = open(directory);
  await expectAllReadable(other);
  await store.keys.rotate();
  await expectAllReadable(other);
});

test('a kill after the new key leaves everything readable, and the next start goes on', async () => {
  const directory = temporaryDirectory();
  await filled(directory);
  addKeyTo(join(directory, 'master.key'));
  const next = open(directory);
  await expectAllReadable(next);
  expect(await next.keys.reseal()).toEqual({ resealed: SECRETS, unreadable: 0 });
  expect(await next.keys.reseal()).toEqual({ resealed: 0, unreadable: 0 });
  await expectAllReadable(next);
});

test('two rotations at once lose no key', async () => {
  const directory = temporaryDirectory();
  const [one, two] = [await filled(directory), open(directory)];
  await Promise.all([one.keys.rotate(), two.keys.rotate()]);
  expect(parseMasterKeys(readFileSync(join(directory, 'master.key'), 'utf8'))).toHaveLength(3);
  await expectAllReadable(open(directory));
});

test('keys from outside are changed outside; a rotation then only seals anew', async () => {
  const [old, young] = [randomBytes(32), randomBytes(32)];
  const file = join(temporaryDirectory(), 'keys');
  writeFileSync(file, old.toString('base64'));
  const store = await filled(temporaryDirectory(), () => readFileSync(file, 'utf8'));
  writeFileSync(file, `${young.toString('base64')}\n${old.toString('base64')}\n`);
  expect(await store.keys.rotate()).toEqual({ added: null, seals: idOf(young), resealed: SECRETS, unreadable: 0 });
  writeFileSync(file, young.toString('base64'));
  await expectAllReadable(store);
});

test('a secret whose key is gone is counted, left as it is, and readable again when the key is back', async () => {
  const directory = temporaryDirectory();
  const [old, young] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')];
  await filled(directory, () => old);
  const without = open(directory, () => young);
  expect(await without.keys.rotate()).toMatchObject({ resealed: 0, unreadable: SECRETS });
  expect(await without.keys.keys()).toMatchObject([
    { present: true, secrets: 0 },
    { present: false, secrets: SECRETS },
  ]);
  await expectAllReadable(open(directory, () => old));
});
