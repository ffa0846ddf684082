import { expect, test } from 'vitest';
import { ended, startAttempt } from './attempt-process.ts';
import { delegating, LOG, TURNS } from '../support/delegation.ts';
import { runnerSetting, SESSION, type RunnerSetting } from './runner-setting.ts';

/** Tree and requests of a run that nobody disturbs; taken once. */
let undisturbed: { tree: string; bodies: Set<string> } | undefined;
async function undisturbedRun(): Promise<{ tree: string; bodies: Set<string> }> {
  if (undisturbed === undefined) {
    const setting = await runnerSetting(delegating);
    const { tree } = await setting.chunk();
    undisturbed = { tree, bodies: new Set(setting.model.journal().map(({ bodySha256 }) => bodySha256)) };
    expect(undisturbed.bodies.size).toBe(TURNS);
  }
  return undisturbed;
}

/**
 * Goes on in a process that has seen nothing of the killed ones (this one), and checks that the end is whole.
 * @param repeated how many replies may have been bought twice.
 */
async function expectWhole({ chunk, file, model, store }: RunnerSetting, repeated: number): Promise<void> {
  const end = await chunk();
  const { tree, bodies } = await undisturbedRun();
  expect(end).toEqual({ outcome: 'submitted', turns: TURNS, tree });
  expect(await file(end.tree, 'log.txt')).toBe(LOG);
  const requests = model.journal();
  expect(new Set(requests.map(({ bodySha256 }) => bodySha256))).toEqual(bodies);
  expect(requests.filter(({ outcome }) => outcome === 'ok').length).toBeGreaterThanOrEqual(TURNS);
  expect(requests.length - TURNS).toBeLessThanOrEqual(repeated);
  for (const thread of ['', ...(await store.journal.subAgents(SESSION))]) {
    const [, ...chain] = (await store.journal.transcript(SESSION, thread)) as { id: string; parentId: string | null }[];
    expect(chain.map(({ parentId }) => parentId)).toEqual([null, ...chain.slice(0, -1).map(({ id }) => id)]);
  }
}

// A recorded reply is never bought again; while a checkpoint is being made, the next request may be in flight.
test.each([
  ['before the parent has recorded the command before its call', 'before-append-4', 0],
  ['after the command before the call', 'after-append-4', 1],
  ["before a sub-agent's first reply is recorded", 'before-append-5', 1],
  ["after a sub-agent's first reply is recorded", 'after-append-5', 0],
  ["after a sub-agent's first command", 'before-append-6', 0],
  ["before a sub-agent's first checkpoint is committed", 'before-commit-2', 1],
  ["after a sub-agent's first checkpoint is committed", 'after-commit-2', 1],
  ["after a sub-agent's second reply is recorded", 'after-append-7', 0],
  ["before a sub-agent's last checkpoint is committed", 'before-commit-4', 0],
  ["after a sub-agent's end, before its parent is answered", 'before-append-11', 0],
  ['after the parent is answered, before its next command is recorded', 'before-append-12', 0],
  ['after the first turn of a sub-agent that only reads', 'after-append-17', 0],
  ['when the first of two sub-agents has ended', 'before-append-19', 0],
  ['when the second of two sub-agents has begun', 'after-append-20', 0],
  ['after the tree of the second of two sub-agents is taken', 'after-tree-6', 1],
  ['when both sub-agents have ended', 'before-commit-9', 0],
])('kill -9 %s (%s): the next attempt goes on inside, and does nothing twice', async (_, moment, repeated) => {
  const setting = await runnerSetting(delegating);
  expect(await ended(startAttempt(setting, moment))).toBe('SIGKILL');
  await expectWhole(setting, repeated);
});

// Each attempt counts its own writes from 1, those of replayed replies among them.
test.each([
  [['after-commit-2', 'after-append-1', 'before-append-2']],
  [['after-append-6', 'after-commit-1', 'before-append-3', 'after-append-5']],
])('kill -9 of one attempt after the other inside of sub-agents (%j) still ends whole', async (moments) => {
  const setting = await runnerSetting(delegating);
  for (const moment of moments) expect(await ended(startAttempt(setting, moment))).toBe('SIGKILL');
  await expectWhole(setting, 2);
});
