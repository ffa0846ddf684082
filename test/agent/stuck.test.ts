import { expect, test } from 'vitest';
import { stuckNudges } from '../../src/agent/watch-extension.ts';
import type { StuckReason } from '../../src/domain/stuck.ts';
import { runnerSetting, SESSION, stuck } from '../activities/runner-setting.ts';
import type { Conversation, Turn } from '../support/scripted-model/scenario.ts';

const { repeats, idleTurns } = stuck;
const bash = (command: string): Turn => ({ tools: [{ name: 'bash', args: { command } }] });
const submit: Turn = { tools: [{ name: 'submit_result', args: { summary: 's' } }] };
const told = ({ userMessages }: Conversation) => userMessages.slice(1);

/** Agents that get nowhere, and after how many turns they are found out. */
const agents: readonly (readonly [StuckReason, number, (turn: number) => Turn])[] = [
  ['repeated_call', repeats, () => bash('echo same')],
  ['alternating_calls', 2 * repeats, (turn) => bash(turn % 2 === 0 ? 'echo a > f' : 'cat f; rm f')],
  // A loop of six is too long for a loop; after the first round it brings nothing new.
  ['no_progress', 6 + idleTurns, (turn) => bash(`echo ${turn % 6}`)],
];

test.each(agents)('%s is nudged once and then stopped, with what was done kept', async (reason, turns, agent) => {
  const { chunk, model, store } = await runnerSetting({ turns: ({ turn }) => agent(turn) });
  const error: unknown = await chunk().catch((thrown: unknown) => thrown);
  const again = reason === 'no_progress' ? idleTurns : turns;
  expect(error).toMatchObject({ code: 'STUCK', class: 'model', details: { reason, turns: turns + again } });
  expect(model.journal()).toHaveLength(turns + again);
  const transcript = JSON.stringify(await store.journal.transcript(SESSION));
  expect(transcript.split(JSON.stringify(stuckNudges[reason]))).toHaveLength(2);
  expect((await store.journal.latest(SESSION))?.turn).toBe(turns + again);
  // Whoever comes later is told the same without asking anybody.
  await expect(chunk()).rejects.toMatchObject({ code: 'STUCK' });
  expect(model.journal()).toHaveLength(turns + again);
});

test.each([1, 2])(
  'chunks of %d turns find out the same after the same turns, and send the same bytes',
  async (maxTurns) => {
    const run = async (chunkTurns: number) => {
      const { toTheEnd, model } = await runnerSetting({ turns: () => bash('echo same') });
      await expect(toTheEnd({ maxTurns: chunkTurns })).rejects.toMatchObject({ code: 'STUCK' });
      return model.journal().map(({ bodySha256 }) => bodySha256);
    };
    expect(await run(maxTurns)).toEqual(await run(100));
  },
);

test('a nudge that helps is all there is, and a later loop is nudged again', async () => {
  const nudges: number[] = [];
  const turns = (conversation: Conversation): Turn => {
    const { turn } = conversation;
    nudges[turn] = told(conversation).length;
    if (nudges[turn] === 2) return submit;
    const before = nudges.indexOf(1);
    return bash(before === -1 || turn >= before + repeats ? 'echo same' : `echo ${turn}`);
  };
  const { chunk } = await runnerSetting({ turns });
  expect(await chunk()).toMatchObject({ outcome: 'submitted', turns: 3 * repeats + 1 });
  expect(nudges.indexOf(1)).toBe(repeats);
});

test('an agent whose results differ, or that is told something new, is not stuck', async () => {
  const turns = ({ turn, userMessages }: Conversation): Turn => {
    if (userMessages.length === 1) return turn < 4 * repeats ? bash('echo x >> log; wc -l < log') : submit;
    return turn === 5 * repeats ? submit : bash(`echo ${Math.floor(turn / (repeats - 1))}`);
  };
  const { chunk } = await runnerSetting({ turns });
  expect(await chunk()).toMatchObject({ outcome: 'submitted' });
  expect(await chunk({ feedback: 'It is red.' })).toMatchObject({ outcome: 'submitted' });
});
