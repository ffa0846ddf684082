import { expect, onTestFinished, test } from 'vitest';
import { Credentials } from '../../src/activities/credentials.ts';
import { HoldfastError } from '../../src/domain/failure.ts';
import { openStore } from '../../src/store/store.ts';
import { sampleSession } from '../support/sample-task.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const spec = { provider: 'anthropic', id: 'm', thinkingLevel: 'off' } as const;

/** Credentials with a server's key that can be rotated, and work that takes only the keys named. */
async function setting(serverKey: string | undefined) {
  const store = openStore({ directory: temporaryDirectory() });
  onTestFinished(() => store.close());
  await store.sessions.create(sampleSession('ses_a'));
  const server = { key: serverKey };
  const credentials = new Credentials(store, { spec, key: () => server.key });
  const used: (string | undefined)[] = [];
  const work = (accepted: string, meanwhile: () => void | Promise<void> = () => undefined) =>
    credentials.withModelKey('ses_a', spec, async (key) => {
      used.push(key);
      await meanwhile();
      if (key === undefined) throw new HoldfastError('MODEL_KEY_MISSING', 'none');
      if (key !== accepted) throw new HoldfastError('MODEL_AUTH_FAILED', 'refused');
      return 'done';
    });
  return { store, server, used, work };
}

test('a key that was rotated while the old one was in use is taken at once, also where there was none', async () => {
  const { server, used, work } = await setting('old');
  expect(await work('new', () => void (server.key = 'new'))).toBe('done');
  expect(used).toEqual(['old', 'new']);
  const late = await setting(undefined);
  expect(await late.work('new', () => void (late.server.key = 'new'))).toBe('done');
});

test('a key that is refused and is the only one there is refused for good, and so is every other trouble', async () => {
  const { used, work, server } = await setting('wrong');
  await expect(work('right')).rejects.toMatchObject({ code: 'MODEL_AUTH_FAILED' });
  expect(used).toEqual(['wrong']);
  const trouble = () => {
    server.key = 'right';
    throw new HoldfastError('MODEL_UNAVAILABLE', 'away');
  };
  await expect(work('right', trouble)).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' });
});

test("a session's own key goes before the server's, and another one given with resume is the next to be used", async () => {
  const { store, used, work } = await setting('server');
  await store.secrets.put('ses_a', 'model.apiKey', 'own');
  await expect(work('other')).rejects.toMatchObject({ code: 'MODEL_AUTH_FAILED' });
  await store.secrets.put('ses_a', 'model.apiKey', 'other');
  expect(await work('other')).toBe('done');
  expect(used).toEqual(['own', 'other']);
});
