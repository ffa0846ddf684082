import { expect, onTestFinished, test } from 'vitest';
import { noUsage } from '../../src/domain/usage.ts';
import { MAIN } from '../../src/store/journal.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { sampleSession } from '../support/sample-task.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

async function storeWithSession(): Promise<Store> {
  const store = openStore({ directory: temporaryDirectory() });
  onTestFinished(() => store.close());
  await store.sessions.create(sampleSession('ses_a'));
  return store;
}

const entry = (text: string) => ({ text });
const checkpoint = (turn: number, seq: number) => ({
  turn,
  thread: MAIN,
  seq,
  tree: `tree${turn}`,
  kept: null,
  ignored: [],
  pack: null,
  full: false,
  usage: { ...noUsage, turns: turn },
  at: turn,
});

test('a claim answers the entries of the checkpoint and, apart, what came after it', async () => {
  const { journal } = await storeWithSession();
  const first = await journal.claim('ses_a');
  expect(first).toEqual({
    epoch: 1,
    checkpoint: null,
    main: { id: MAIN, turn: 0, entries: [], tail: [] },
    lost: noUsage,
  });
  await journal.append('ses_a', 1, { thread: MAIN, fromSeq: 1, entries: [entry('a'), entry('b')] });
  await journal.commit('ses_a', 1, checkpoint(1, 2));
  await journal.append('ses_a', 1, { thread: MAIN, fromSeq: 3, entries: [entry('reply')] });

  const second = await journal.claim('ses_a');
  expect(second).toEqual({
    epoch: 2,
    checkpoint: checkpoint(1, 2),
    main: { id: MAIN, turn: 1, entries: [entry('a'), entry('b')], tail: [entry('reply')] },
    lost: noUsage,
  });
});

test('an attempt that begins after a later one at the same work is refused and changes nothing; other work is another matter', async () => {
  const { journal } = await storeWithSession();
  const claim = (work: string, attempt: number) => journal.claim('ses_a', { work, attempt });
  await claim('run/5', 1);
  await claim('run/5', 3);
  await expect(claim('run/5', 2)).rejects.toMatchObject({ code: 'STALE_ATTEMPT' });
  await journal.assertCurrent('ses_a', 2);
  expect((await claim('run/5', 3)).epoch).toBe(3); // Handed over twice, which is harmless.
  expect((await claim('run/6', 1)).epoch).toBe(4);
  expect((await journal.claim('ses_a')).epoch).toBe(5);
});

test('what attempts used without a checkpoint is noted once for each of them, and counts', async () => {
  const { journal } = await storeWithSession();
  await journal.claim('ses_a');
  await journal.commit('ses_a', 1, checkpoint(1, 0));
  await journal.claim('ses_a');
  const spent = (inputTokens: number) => ({ ...noUsage, inputTokens, wallMs: 7 });
  await journal.noteLoss('ses_a', 1, spent(5));
  await journal.noteLoss('ses_a', 1, spent(5));
  await journal.noteLoss('ses_a', 2, spent(20));
  expect((await journal.claim('ses_a')).lost).toEqual({ ...noUsage, inputTokens: 25, wallMs: 14 });
  expect(await journal.usage('ses_a')).toEqual({ ...noUsage, turns: 1, inputTokens: 25, wallMs: 14 });
});

test('a stale attempt can write neither entries nor a checkpoint', async () => {
  const { journal } = await storeWithSession();
  await journal.claim('ses_a');
  await journal.claim('ses_a');
  const stale = { code: 'STALE_ATTEMPT' };
  await expect(journal.append('ses_a', 1, { thread: MAIN, fromSeq: 1, entries: [entry('x')] })).rejects.toMatchObject(
    stale,
  );
  await expect(journal.commit('ses_a', 1, checkpoint(1, 0))).rejects.toMatchObject(stale);
  expect(await journal.transcript('ses_a')).toEqual([]);
  expect(await journal.latest('ses_a')).toBeNull();
});

test('an append replaces what an older attempt left at the same place and behind it', async () => {
  const { journal } = await storeWithSession();
  await journal.claim('ses_a');
  await journal.append('ses_a', 1, {
    thread: MAIN,
    fromSeq: 1,
    entries: [entry('old 1'), entry('old 2'), entry('old 3')],
  });
  await journal.claim('ses_a');
  await journal.append('ses_a', 2, { thread: MAIN, fromSeq: 2, entries: [entry('new 2')] });
  expect(await journal.transcript('ses_a')).toEqual([entry('old 1'), entry('new 2')]);
});

test('entries and their checkpoint are committed together or not at all', async () => {
  const { journal } = await storeWithSession();
  await journal.claim('ses_a');
  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = cyclic;
  const write = { thread: MAIN, fromSeq: 1, entries: [entry('a'), cyclic], checkpoint: checkpoint(1, 2) };
  await expect(journal.append('ses_a', 1, write)).rejects.toThrow('circular');
  expect(await journal.transcript('ses_a')).toEqual([]);
  expect(await journal.latest('ses_a')).toBeNull();
});

test('a session that is gone cannot be claimed', async () => {
  const { journal, sessions } = await storeWithSession();
  await sessions.delete('ses_a');
  await expect(journal.claim('ses_a')).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' });
});

test('a restore needs the packs from the last full one on', async () => {
  const { journal } = await storeWithSession();
  const { epoch } = await journal.claim('ses_a');
  for (const [turn, pack, full] of [
    [1, 'a', false],
    [2, null, false],
    [3, 'b', false],
  ] as const)
    await journal.commit('ses_a', epoch, { ...checkpoint(turn, turn), pack, full });
  expect(await journal.packs('ses_a')).toEqual(['a', 'b']);
  await journal.commit('ses_a', epoch, { ...checkpoint(4, 4), pack: 'full', full: true });
  await journal.commit('ses_a', epoch, { ...checkpoint(5, 5), pack: 'c', kept: 'k', ignored: ['dist/'] });
  expect(await journal.packs('ses_a')).toEqual(['full', 'c']);
  expect(await journal.latest('ses_a')).toMatchObject({ pack: 'c', full: false, kept: 'k', ignored: ['dist/'] });
});

test('threads have entries of their own, and the newest checkpoint is that of whoever took the last turn', async () => {
  const { journal } = await storeWithSession();
  await journal.claim('ses_a');
  await journal.append('ses_a', 1, { thread: MAIN, fromSeq: 1, entries: [entry('a')], checkpoint: checkpoint(1, 1) });
  await journal.append('ses_a', 1, { thread: MAIN, fromSeq: 2, entries: [entry('call')] });
  await journal.append('ses_a', 1, { thread: 'tsk_1', fromSeq: 1, entries: [entry('x'), entry('y')] });
  const inside = { ...checkpoint(2, 1), thread: 'tsk_1' };
  await journal.commit('ses_a', 1, inside);
  const main = { id: MAIN, turn: 1, entries: [entry('a')], tail: [entry('call')] };
  expect(await journal.claim('ses_a')).toEqual({ epoch: 2, checkpoint: inside, main, lost: noUsage });
  const thread = { id: 'tsk_1', turn: 2, entries: [entry('x')], tail: [entry('y')] };
  expect(await journal.thread('ses_a', 'tsk_1')).toEqual(thread);
  expect(await journal.thread('ses_a', 'tsk_2')).toEqual({ id: 'tsk_2', turn: 0, entries: [], tail: [] });
  expect(await journal.subAgents('ses_a')).toEqual(['tsk_1']);
  await journal.append('ses_a', 2, { thread: MAIN, fromSeq: 1, entries: [entry('anew')] });
  expect(await journal.transcript('ses_a', 'tsk_1')).toEqual([entry('x'), entry('y')]);
  expect(await journal.transcript('ses_a')).toEqual([entry('anew')]);
});

test('a checkpoint is recorded together with its event, or not at all: no attempt after a crash would tell of that turn', async () => {
  const { events, journal } = await storeWithSession();
  await journal.claim('ses_a');
  await journal.commit('ses_a', 1, checkpoint(1, 0));
  await expect(journal.commit('ses_a', 0, checkpoint(2, 0))).rejects.toMatchObject({ code: 'STALE_ATTEMPT' });
  await journal.append('ses_a', 1, { thread: MAIN, fromSeq: 1, entries: [entry('a')], checkpoint: checkpoint(2, 1) });
  expect(await events.list('ses_a')).toMatchObject([
    { seq: 1, type: 'turn', state: 'EXECUTING', at: 1, data: { turn: 1, costUsd: 0 } },
    { seq: 2, type: 'turn', at: 2, data: { turn: 2 } },
  ]);
});
