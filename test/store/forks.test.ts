import { expect, onTestFinished, test } from 'vitest';
import type { Parent } from '../../src/domain/task.ts';
import { noUsage } from '../../src/domain/usage.ts';
import { MAIN } from '../../src/store/journal.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { sampleCheckpoint, sampleSession, sampleTask } from '../support/sample-task.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const base = { commit: 'c'.repeat(40), tree: 'b'.repeat(40), ref: 'refs/heads/main' };
const entry = (text: string) => ({ text });
const fork = (id: string, parent: Parent) => sampleSession(id, { task: sampleTask({ parent }) });

/** A session of four turns, of which the third changed no file, and whose plan changed in the second. */
async function storeWithParent(
  fullTurn = 0,
): Promise<{ store: Store; packs: string[]; parent: (turn: number) => Parent }> {
  const store = openStore({ directory: temporaryDirectory() });
  onTestFinished(() => store.close());
  const { sessions, journal, events, blobs } = store;
  await sessions.create(sampleSession('ses_parent'));
  await sessions.setBase('ses_parent', base);
  const { epoch } = await journal.claim('ses_parent');
  const digest = await blobs.put('ses_parent', 'the snapshot of the parent');
  const packs: string[] = [];
  for (const turn of [1, 2, 3, 4]) {
    const pack = turn === 3 ? null : await blobs.put('ses_parent', `pack ${turn}`);
    if (pack !== null) packs.push(pack);
    const common = { state: 'EXECUTING', stage: 'coding', at: turn } as const;
    if (turn !== 3) {
      const plan = [{ title: `as of ${turn}`, status: 'pending' }];
      await events.append('ses_parent', { key: `plan/${turn}`, type: 'plan', ...common, data: { plan } });
    }
    await journal.append('ses_parent', epoch, {
      thread: MAIN,
      fromSeq: 2 * turn - 1,
      entries: [entry(`reply ${turn}`), entry(`result ${turn}`)],
      checkpoint: sampleCheckpoint(turn, { seq: 2 * turn, pack, full: turn === fullTurn }),
    });
  }
  const parent = (turn: number): Parent => ({
    sessionId: 'ses_parent',
    turn,
    seq: 2 * turn,
    tree: `tree ${turn}`,
    digest,
    prompt: null,
  });
  return { store, packs, parent };
}

test('a fork begins with transcript, files, base and plan of the checkpoint, and with nothing used', async () => {
  const { store, packs, parent } = await storeWithParent();
  await store.sessions.create(fork('ses_fork', parent(3)));
  const { checkpoint, main } = await store.journal.claim('ses_fork');
  expect(checkpoint).toEqual({ ...sampleCheckpoint(3), turn: 0, seq: 6, usage: noUsage });
  expect(main.entries).toEqual([1, 2, 3].flatMap((turn) => [entry(`reply ${turn}`), entry(`result ${turn}`)]));
  expect(main.tail).toEqual([]);
  expect(await store.journal.packs('ses_fork')).toEqual(packs.slice(0, 2));
  expect(await store.sessions.get('ses_fork')).toMatchObject({ base, plan: [{ title: 'as of 2', status: 'pending' }] });
  expect(await store.journal.usage('ses_fork')).toEqual(noUsage);
  expect(await store.events.list('ses_fork')).toEqual([]);
  expect((await store.journal.usage('ses_parent')).turns).toBe(4);
});

test('a fork of a fork has the packs of both, and each lists only its own checkpoints', async () => {
  const { store, packs, parent } = await storeWithParent();
  await store.sessions.create(fork('ses_fork', parent(2)));
  const { epoch } = await store.journal.claim('ses_fork');
  const pack = await store.blobs.put('ses_fork', 'pack of the fork');
  await store.journal.append('ses_fork', epoch, {
    thread: MAIN,
    fromSeq: 5,
    entries: [entry('other reply')],
    checkpoint: sampleCheckpoint(1, { seq: 5, tree: 'tree f', pack }),
  });
  const second: Parent = { ...parent(0), sessionId: 'ses_fork', turn: 1, seq: 5, tree: 'tree f' };
  await store.sessions.create(fork('ses_fork_2', second));
  expect(await store.journal.packs('ses_fork_2')).toEqual([...packs.slice(0, 2), pack]);
  const turns = async (id: string, before = 100) =>
    (await store.journal.checkpoints(id, { before, limit: 3 })).map(({ turn }) => turn);
  expect(await turns('ses_parent')).toEqual([4, 3, 2]);
  expect(await turns('ses_parent', 2)).toEqual([1]);
  expect(await turns('ses_fork')).toEqual([1, 0]);
  expect(await turns('ses_fork_2')).toEqual([0]);
});

test('a fork takes no packs that a full one made needless, and one from before that takes none of it', async () => {
  const { store, packs, parent } = await storeWithParent(2);
  for (const turn of [1, 2, 4]) await store.sessions.create(fork(`ses_fork_${turn}`, parent(turn)));
  expect(await store.journal.packs('ses_fork_1')).toEqual(packs.slice(0, 1));
  expect(await store.journal.packs('ses_fork_2')).toEqual(packs.slice(1, 2));
  expect(await store.journal.packs('ses_fork_4')).toEqual(packs.slice(1));
});

test('inside of a sub-agent is no place to fork from, but what it did to the files is in every later one', async () => {
  const { store, packs, parent } = await storeWithParent();
  const { epoch } = await store.journal.claim('ses_parent');
  const pack = await store.blobs.put('ses_parent', 'pack of a sub-agent');
  const theirs = sampleCheckpoint(5, { thread: 'tsk_a', seq: 1, pack });
  const entries = [entry('reply of a sub-agent')];
  await store.journal.append('ses_parent', epoch, { thread: 'tsk_a', fromSeq: 1, entries, checkpoint: theirs });
  await store.journal.append('ses_parent', epoch, {
    thread: MAIN,
    fromSeq: 9,
    entries: [entry('its result')],
    checkpoint: sampleCheckpoint(6, { seq: 9 }),
  });
  const page = await store.journal.checkpoints('ses_parent', { before: 100, limit: 2 });
  expect(page.map(({ turn }) => turn)).toEqual([6, 4]);
  const inside = fork('ses_inside', { ...parent(5), seq: 1 });
  await expect(store.sessions.create(inside)).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' });
  await store.sessions.create(fork('ses_fork', { ...parent(6), seq: 9 }));
  expect(await store.journal.packs('ses_fork')).toEqual([...packs, pack]);
  expect(await store.journal.subAgents('ses_fork')).toEqual([]);
  const { checkpoint, main } = await store.journal.claim('ses_fork');
  expect([checkpoint?.turn, checkpoint?.thread, main.entries.length]).toEqual([0, MAIN, 9]);
});

test('what a fork uses outlives its parent, and goes with the last of them', async () => {
  const { store, packs, parent } = await storeWithParent();
  await store.sessions.create(fork('ses_fork', parent(2)));
  await store.sessions.delete('ses_parent');
  await store.blobs.sweep();
  for (const blob of [...packs.slice(0, 2), parent(2).digest]) await store.blobs.get(blob);
  await expect(store.blobs.get(packs[2] ?? '')).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
  await store.sessions.delete('ses_fork');
  await store.blobs.sweep();
  await expect(store.blobs.get(packs[0] ?? '')).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
});

test('a fork of a session that is deleted meanwhile is refused, and nothing of it is stored', async () => {
  const { store, parent } = await storeWithParent();
  const made = fork('ses_fork', parent(2));
  await store.sessions.delete('ses_parent');
  await expect(store.sessions.create(made)).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' });
  expect(await store.sessions.find('ses_fork')).toBeUndefined();
});
