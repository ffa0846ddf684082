import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ChunkOutcome } from '../../src/activities/execution-runner.ts';
import type { Turn } from '../support/scripted-model/scenario.ts';
import { until } from '../support/holdfast.ts';
import { ended, startAttempt } from './attempt-process.ts';
import { runnerSetting, SESSION, type RunnerSetting } from './runner-setting.ts';

const echo = (line: string) => ({ name: 'bash', args: { command: `echo ${line} >> log.txt` } });
const submit: Turn = { tools: [{ name: 'submit_result', args: { summary: 's' } }] };

/** Three turns of commands, one of them with two; then the end. The journal is written nine times: replies are 1, 3, 6 and 8. */
const turns: readonly Turn[] = [
  { tools: [echo('1')] },
  { tools: [echo('2a'), echo('2b')] },
  { tools: [echo('3')] },
  submit,
];
const LOG = '1\n2a\n2b\n3\n';

async function kill(child: ChildProcess): Promise<void> {
  expect(child.exitCode).toBeNull();
  child.kill('SIGKILL');
  expect(await ended(child)).toBe('SIGKILL');
}

/** The tree of a run that nobody disturbs; taken once. */
let undisturbed: string | undefined;
async function expectUndisturbedTree(tree: string): Promise<void> {
  if (undisturbed === undefined) {
    const setting = await runnerSetting({ turns });
    undisturbed = (await setting.chunk()).tree;
    expect(setting.model.journal().map(({ turn }) => turn)).toEqual([0, 1, 2, 3]);
  }
  expect(tree).toBe(undisturbed);
}

/**
 * Goes on in a process that has seen nothing of the killed one (this one), and checks that the end is whole.
 * @param repeated how many replies may have been bought twice.
 */
async function expectWhole(setting: RunnerSetting, repeated: number): Promise<ChunkOutcome> {
  const { model, store } = setting;
  const end = await setting.chunk();
  const byTurn = Map.groupBy(model.journal(), ({ turn }) => turn);
  expect(end).toMatchObject({ outcome: 'submitted', turns: byTurn.size });
  expect(await setting.file(end.tree, 'log.txt')).toBe(LOG);
  const bought = [...byTurn.values()].map((same) => same.filter(({ outcome }) => outcome === 'ok').length);
  expect(Math.min(...bought)).toBe(1);
  expect(bought.reduce((sum, count) => sum + count) - byTurn.size).toBeLessThanOrEqual(repeated);
  for (const same of byTurn.values()) expect(new Set(same.map(({ bodySha256 }) => bodySha256)).size).toBe(1);
  const entries = (await store.journal.transcript(SESSION)) as { id: string; parentId: string | null }[];
  const [, ...chain] = entries;
  expect(chain.map(({ parentId }) => parentId)).toEqual([null, ...chain.slice(0, -1).map(({ id }) => id)]);
  const last = { turn: end.turns, seq: entries.length, tree: end.tree };
  expect(await store.journal.latest(SESSION)).toMatchObject(last);
  return end;
}

// A recorded reply is never bought again; while a checkpoint is being made, the next request may be in flight.
test.each([
  ['before a reply is recorded', 'before-append-1', 1],
  ['after a reply is recorded', 'after-append-1', 0],
  ['after the first of two commands, before its result is recorded', 'before-append-4', 0],
  ['between two commands of one reply', 'after-append-4', 0],
  ['after the last result of a turn is recorded', 'after-append-5', 1],
  ['after the tree is taken', 'after-tree-2', 1],
  ['before a checkpoint is committed', 'before-commit-2', 1],
  ['after a checkpoint is committed', 'after-commit-2', 1],
  ['after the last reply is recorded', 'after-append-8', 0],
  ['before the last checkpoint is committed', 'before-commit-4', 0],
])('kill -9 %s (%s): every effect is there once, in an unbroken transcript', async (_, moment, repeated) => {
  const setting = await runnerSetting({ turns });
  expect(await ended(startAttempt(setting, moment))).toBe('SIGKILL');
  const { tree } = await expectWhole(setting, repeated);
  await expectUndisturbedTree(tree);
});

test('kill -9 while the next request is in flight repeats this one request and nothing else', async () => {
  let asked = false;
  const setting = await runnerSetting({
    turns: ({ turn }) => {
      if (turn === 2) asked = true;
      return turns[turn];
    },
    ttftMs: 300,
  });
  const child = startAttempt(setting, 'never');
  await until(() => asked);
  await kill(child);
  const { tree } = await expectWhole(setting, 0);
  expect(setting.model.journal().map(({ turn }) => turn)).toEqual([0, 1, 2, 2, 3]);
  await expectUndisturbedTree(tree);
});

test('kill -9 while a command runs ends the command too, and it is run anew on the files as they were before it', async () => {
  const command = 'echo 2a >> log.txt; touch running; sleep 1; echo 2b >> log.txt; rm running';
  const setting = await runnerSetting({
    turns: [{ tools: [echo('1')] }, { tools: [{ name: 'bash', args: { command } }, echo('3')] }, submit],
  });
  const child = startAttempt(setting, 'never');
  await until(() => existsSync(join(setting.git.open(SESSION).workspace().spec.workspace, 'running')));
  await kill(child);
  await expectWhole(setting, 0);
});

test('one kill after the other, each attempt getting further, still ends whole', async () => {
  const setting = await runnerSetting({ turns });
  // Each attempt counts its own writes from 1.
  for (const moment of ['after-append-1', 'before-commit-1', 'after-commit-1'])
    expect(await ended(startAttempt(setting, moment))).toBe('SIGKILL');
  const { tree } = await expectWhole(setting, 2);
  await expectUndisturbedTree(tree);
});
