import { expect, test } from 'vitest';
import { wrapUp } from '../../src/agent/watch-extension.ts';
import { runnerSetting, SESSION, type RunnerSetting } from '../activities/runner-setting.ts';
import type { Conversation, Turn } from '../support/scripted-model/scenario.ts';

const submit: Turn = { tools: [{ name: 'submit_result', args: { summary: 's' } }] };
const WORK = 9;

/** So many turns of two commands each, and what each request said besides results, by turn. */
function watched(work = WORK) {
  const said: string[][] = [];
  const turns = ({ turn, userMessages, lastResults }: Conversation): Turn => {
    said[turn] = userMessages.slice(1);
    if (turn > 0) expect(lastResults).toHaveLength(2);
    if (turn === work) return submit;
    return { tools: [1, 2].map((half) => ({ name: 'bash', args: { command: `echo ${turn}.${half} >> log` } })) };
  };
  return { said, turns };
}

const limits = (maxSteps: number) => ({ limits: { maxSteps, maxIterations: 3 } });
const notesIn = async ({ store }: RunnerSetting) =>
  JSON.stringify(await store.journal.transcript(SESSION)).split(JSON.stringify(wrapUp)).length - 1;

test('at 85 % of a limit the agent is asked to wrap up: once, after all results of the turn, the same over chunks', async () => {
  // Of ten turns, the last one crosses the line of 9.35: it hands in, and nothing is said after it.
  const inTime = watched();
  await (await runnerSetting({ turns: inTime.turns })).chunk(limits(11));
  expect(inTime.said.flat()).toEqual([]);

  const { said, turns } = watched(19);
  const setting = await runnerSetting({ turns });
  await setting.toTheEnd({ ...limits(20), maxTurns: 1 });
  expect(said.slice(0, 17).flat()).toEqual([]);
  expect(said.slice(17)).toEqual([[wrapUp], [wrapUp], [wrapUp]]);
  expect(await notesIn(setting)).toBe(1);
});

test('a note is not repeated by attempts or by a higher limit, and said again when that one is nearly used up', async () => {
  const { said, turns } = watched();
  const setting = await runnerSetting({ turns });
  const { chunk, model } = setting;
  const reached = { code: 'BUDGET_REACHED' };
  await expect(chunk(limits(7))).rejects.toMatchObject(reached);
  expect(said.slice(0, 7)).toEqual([[], [], [], [], [], [], [wrapUp]]);
  for (const _ of ['again', 'and again']) await expect(chunk(limits(7))).rejects.toMatchObject(reached);
  await chunk({ ...limits(100), maxTurns: 1 });
  expect(said[7]).toEqual([wrapUp]);
  expect(await notesIn(setting)).toBe(1);
  await chunk({ ...limits(10), maxTurns: 1 });
  expect(await notesIn(setting)).toBe(2);
  expect(await chunk(limits(10))).toMatchObject({ outcome: 'submitted', turns: WORK + 1 });
  expect(said[WORK]).toEqual([wrapUp, wrapUp]);
  expect(model.journal()).toHaveLength(WORK + 1);
});

test('there is no note where the next call has no room anyway: then the session pauses', async () => {
  const { said, turns } = watched();
  const setting = await runnerSetting({ turns });
  await expect(setting.chunk(limits(2))).rejects.toMatchObject({ code: 'BUDGET_REACHED' });
  expect(await setting.chunk(limits(100))).toMatchObject({ outcome: 'submitted' });
  expect(said.flat()).toEqual([]);
});
