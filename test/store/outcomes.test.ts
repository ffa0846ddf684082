import { expect, onTestFinished, test } from 'vitest';
import { openStore } from '../../src/store/store.ts';
import { sampleSession } from '../support/sample-task.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

async function begun() {
  const store = openStore({ directory: temporaryDirectory() });
  onTestFinished(() => store.close());
  await store.sessions.create(sampleSession('ses_1'));
  return store;
}

test('work is done once for each key, and what failed is done again', async () => {
  const { outcomes } = await begun();
  let count = 0;
  const work = async () => ({ count: (count += 1) });
  await expect(outcomes.once('ses_1', 'chunk/0', () => Promise.reject(new Error('cut off')))).rejects.toThrow(
    'cut off',
  );
  expect(await outcomes.once('ses_1', 'chunk/0', work)).toEqual({ count: 1 });
  expect(await outcomes.once('ses_1', 'chunk/0', work)).toEqual({ count: 1 });
  expect(await outcomes.once('ses_1', 'chunk/1', work)).toEqual({ count: 2 });
});

test('of two attempts at once both answer what the first one recorded', async () => {
  const { outcomes } = await begun();
  const answers = await Promise.all(['a', 'b'].map((name) => outcomes.once('ses_1', 'verify', async () => name)));
  expect(answers).toEqual(['a', 'a']);
});
