import { randomBytes } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { idOf } from '../../src/sealing/key-ring.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const [old, young, foreign] = [randomBytes(32), randomBytes(32), randomBytes(32)];

function open(directory: string, ...keys: Buffer[]): Store {
  const text = keys.map((key) => key.toString('base64')).join(',');
  const store = openStore({ directory, masterKeys: () => text });
  onTestFinished(() => store.close());
  return store;
}

test('the first process decides, one with the same key joins, one with another key is told which it lacks', async () => {
  const directory = temporaryDirectory();
  await open(directory, old).agreement.join();
  await open(directory, old).agreement.join();
  await open(directory, young, old).agreement.join();
  await expect(open(directory, foreign).agreement.join()).rejects.toMatchObject({
    code: 'SECRET_UNREADABLE',
    message: expect.stringContaining(idOf(old)),
    remedy: expect.stringContaining('MASTER_KEY_FILE'),
  });
});

test('after a rotation the new key alone is enough, and one that has not got it no longer joins', async () => {
  const directory = temporaryDirectory();
  await open(directory, old).agreement.join();
  await open(directory, young, old).keys.rotate();
  await open(directory, young).agreement.join();
  await expect(open(directory, old).agreement.join()).rejects.toThrow(idOf(young));
});

test('a process with other keys changes nothing of what was agreed, and who starts without encryption ends it', async () => {
  const directory = temporaryDirectory();
  await open(directory, old).agreement.join();
  await open(directory, foreign).keys.reseal();
  await expect(open(directory, foreign).agreement.join()).rejects.toThrow(idOf(old));
  await open(directory, foreign).agreement.end();
  await open(directory, foreign).agreement.join();
  await expect(open(directory, old).agreement.join()).rejects.toThrow(idOf(foreign));
});

test('where nobody has joined a rotation agrees upon nothing', async () => {
  const directory = temporaryDirectory();
  await open(directory, old).keys.rotate();
  await open(directory, young).agreement.join();
});
