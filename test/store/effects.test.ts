import { expect, onTestFinished, test } from 'vitest';
import { noUsage } from '../../src/domain/usage.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { sampleSession } from '../support/sample-task.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

async function storeWithSession(): Promise<Store> {
  const store = openStore({ directory: temporaryDirectory() });
  onTestFinished(() => store.close());
  await store.sessions.create(sampleSession('ses_a'));
  await store.journal.claim('ses_a');
  return store;
}

const turn = { thread: '', after: 0, base: 0 };
const intent = (ordinal: number) => ({ ordinal, callId: `call-${ordinal}`, tool: 'bash' });
const files = (tree: string) => ({ tree, kept: null, ignored: [], pack: `pack-${tree}`, full: false });
const settlement = (ordinal: number, tree: string) =>
  ({ ...turn, ordinal, outcome: 'done', files: files(tree), results: [{ text: tree }] }) as const;
const nothing = { results: [], begun: null };

test('a call that is put on record is begun until its end is recorded, together with its result', async () => {
  const { effects, journal } = await storeWithSession();
  expect(await effects.pending('ses_a', turn)).toEqual(nothing);
  await effects.begin('ses_a', 1, turn, intent(1));
  expect(await effects.pending('ses_a', turn)).toEqual({ results: [], begun: 1 });
  expect(await effects.files('ses_a', 0)).toBeNull();
  await journal.append('ses_a', 1, {
    thread: '',
    fromSeq: 1,
    entries: [{ text: 'x' }],
    settlement: settlement(1, 'x'),
  });
  await effects.begin('ses_a', 1, turn, intent(3));
  expect(await effects.pending('ses_a', turn)).toEqual({ results: [{ text: 'x' }], begun: 3 });
  expect(await effects.files('ses_a', 0)).toEqual(files('x'));
});

test('an attempt that was overtaken can neither begin a call nor record its end', async () => {
  const { effects, journal } = await storeWithSession();
  await effects.begin('ses_a', 1, turn, intent(0));
  await journal.claim('ses_a');
  const stale = { code: 'STALE_ATTEMPT' };
  await expect(effects.begin('ses_a', 1, turn, intent(1))).rejects.toMatchObject(stale);
  const write = { thread: '', fromSeq: 1, entries: [{ text: 'x' }], settlement: settlement(0, 'x') };
  await expect(journal.append('ses_a', 1, write)).rejects.toMatchObject(stale);
  expect(await effects.pending('ses_a', turn)).toEqual({ results: [], begun: 0 });
  expect(await journal.transcript('ses_a')).toEqual([]);
});

test('a call without effects outside can be marked like one that has ended, with everything up to it', async () => {
  const { effects, journal } = await storeWithSession();
  await effects.mark('ses_a', 1, intent(0), settlement(0, 'm'));
  expect(await effects.pending('ses_a', turn)).toEqual({ results: [{ text: 'm' }], begun: null });
  expect(await effects.files('ses_a', 0)).toEqual(files('m'));
  await journal.claim('ses_a');
  await expect(effects.mark('ses_a', 1, intent(1), settlement(1, 'n'))).rejects.toMatchObject({
    code: 'STALE_ATTEMPT',
  });
});

test('a call is begun once and never again', async () => {
  const { effects } = await storeWithSession();
  await effects.begin('ses_a', 1, turn, intent(0));
  await expect(effects.begin('ses_a', 1, turn, intent(0))).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
});

test('the checkpoint of the turn closes its calls; of another thread they stay, with files that are older', async () => {
  const { effects, journal } = await storeWithSession();
  const other = { thread: 'tsk_a', after: 0, base: 0 };
  for (const [index, where] of [turn, other].entries()) {
    await effects.begin('ses_a', 1, where, intent(0));
    const end = { ...settlement(0, `t${index}`), ...where };
    await journal.append('ses_a', 1, { thread: where.thread, fromSeq: 1, entries: [{ text: '' }], settlement: end });
  }
  expect(await effects.files('ses_a', 0)).toEqual(files('t1'));
  await journal.commit('ses_a', 1, { ...files('c'), thread: '', turn: 1, seq: 2, usage: noUsage, at: 1 });
  expect(await effects.pending('ses_a', { thread: '', after: 1 })).toEqual(nothing);
  expect(await effects.files('ses_a', 1)).toBeNull();
  expect(await effects.pending('ses_a', other)).toEqual({ results: [{ text: 't1' }], begun: null });
});
