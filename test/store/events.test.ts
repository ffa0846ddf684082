import { expect, onTestFinished, test } from 'vitest';
import { openStore } from '../../src/store/store.ts';
import { sampleSession } from '../support/sample-task.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const event = (key: string) => ({ key, type: 'stage', state: 'INIT', stage: 'cloning', at: 5, data: { key } }) as const;

test('events are numbered densely from 1, also when they are written at once', async () => {
  const store = openStore({ directory: temporaryDirectory() });
  onTestFinished(() => store.close());
  await store.sessions.create(sampleSession('ses_a'));
  await Promise.all(Array.from({ length: 30 }, (_, index) => store.events.append('ses_a', event(`k${index}`))));
  const seqs = (await store.events.list('ses_a')).map(({ seq }) => seq);
  expect(seqs).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
});

test('an event that is appended again under its key is the first one', async () => {
  const store = openStore({ directory: temporaryDirectory() });
  onTestFinished(() => store.close());
  await store.sessions.create(sampleSession('ses_a'));
  const first = await store.events.append('ses_a', event('rev/1'));
  await store.events.append('ses_a', event('rev/2'));
  expect(await store.events.append('ses_a', { ...event('rev/1'), at: 99 })).toEqual(first);
  expect(await store.events.list('ses_a')).toHaveLength(2);
  expect(await store.events.list('ses_a', 1)).toMatchObject([{ seq: 2, id: 'evt_a_2' }]);
});
