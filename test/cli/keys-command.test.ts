import { expect, test } from 'vitest';
import { idOf } from '../../src/sealing/key-ring.ts';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '../../src/store/store.ts';
import { api } from '../api/setting.ts';
import { sampleSession } from '../support/sample-task.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { holdfast, listen } from './setting.ts';

test('the keys are listed and rotated by command, and never shown', async () => {
  const { app, store } = api();
  await store.sessions.create(sampleSession('ses_a'));
  await store.secrets.put('ses_a', 'git.token', 'value');
  const { url } = await listen((request) => app.fetch(request));
  const run = async (what: string) => {
    const command = holdfast(['keys', what], { HOLDFAST_URL: url });
    return { code: await command.exit, said: JSON.parse(command.stdout()) };
  };
  const before = await run('list');
  expect(before).toMatchObject({ code: 0, said: { items: [{ seals: true, present: true, secrets: 1 }] } });
  const rotated = await run('rotate');
  expect(rotated).toMatchObject({ code: 0, said: { resealed: 1, unreadable: 0 } });
  expect((await run('list')).said.items).toEqual([
    { id: rotated.said.added, seals: true, present: true, secrets: 1 },
    { ...before.said.items[0], seals: false, secrets: 0 },
  ]);
});

test('keys from outside are not made here: the command says so', async () => {
  const directory = temporaryDirectory();
  const key = Buffer.alloc(32, 7);
  const given = openStore({ directory, masterKeys: () => key.toString('base64') });
  const { app } = api({ store: given });
  const { url } = await listen((request) => app.fetch(request));
  const command = holdfast(['keys', 'rotate'], { HOLDFAST_URL: url });
  expect(await command.exit).toBe(0);
  given.close();
  expect(command.stderr()).toContain('MASTER_KEY');
  expect(JSON.parse(command.stdout())).toEqual({ added: null, seals: idOf(key), resealed: 0, unreadable: 0 });
  expect(() => readFileSync(join(directory, 'master.key'))).toThrow('ENOENT');
});

test('another word than list and rotate is wrong use', async () => {
  const command = holdfast(['keys', 'burn'], { HOLDFAST_URL: 'http://127.0.0.1:1' });
  expect(await command.exit).toBe(2);
  expect(command.stderr()).toContain('Say list or rotate.');
});
