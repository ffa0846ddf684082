import { expect, test } from 'vitest';
import type { Limits } from '../../src/domain/session.ts';
import { totalTokens } from '../../src/domain/usage.ts';
import type { Conversation, Turn } from '../support/scripted-model/scenario.ts';
import { runnerSetting, SESSION } from './runner-setting.ts';

const bash = (command: string) => ({ name: 'bash', args: { command } });
const submit = { tools: [{ name: 'submit_result', args: { summary: 's' } }] };
const WORK = 8;
const log = Array.from({ length: WORK }, (_, index) => `${index}\n`).join('');
/** Eight turns of work, each of 1,000 tokens in and 100 out. */
const work = ({ turn }: Pick<Conversation, 'turn'>, command = `echo ${turn} >> log`): Turn => ({
  ...(turn < WORK ? { tools: [bash(command)] } : submit),
  usage: { input: 1000, output: 100 },
});
/** USD 0.015 for such a turn, and up to 0.019 while nobody knows what the provider has in its cache. */
const cost = { input: 10, output: 50, cacheRead: 1, cacheWrite: 12.5 };
const within = (limits: Partial<Limits>) => ({ limits: { maxSteps: 100, maxIterations: 3, ...limits } });

test.each([
  ['maxSteps', 3, 3],
  ['maxTokens', 5000, 4],
  ['maxCostUsd', 0.1, 6],
] as const)(
  '%s of %d: the call that has no room any more is not made, nothing is lost, and a higher limit goes on',
  async (limit, max, turns) => {
    const { chunk, file, model, store } = await runnerSetting({ turns: work }, 'anthropic', { model: { cost } });
    const reached = { code: 'BUDGET_REACHED', details: { limit, max, turns }, message: expect.stringContaining(limit) };
    for (const _ of ['at the limit', 'resumed as it was'])
      await expect(chunk(within({ [limit]: max }))).rejects.toMatchObject(reached);
    expect(model.journal()).toHaveLength(turns);
    const kept = await store.journal.usage(SESSION);
    expect(kept.turns).toBe(turns);
    expect(totalTokens(kept)).toBe(turns * 1100);
    expect(kept.costUsd).toBeCloseTo(turns * 0.015);
    const end = await chunk(within({ [limit]: max * 10 }));
    expect(end).toMatchObject({ outcome: 'submitted', turns: WORK + 1 });
    expect(await file(end.tree, 'log')).toBe(log);
    expect(model.journal()).toHaveLength(WORK + 1);
  },
);

test('maxWallMs counts the time of execution over chunks and attempts, and a higher one goes on', async () => {
  // A command that is cut short by the limit may not have begun: so each appends whatever number is next.
  const slow = ({ turn }: Conversation) =>
    work({ turn }, 'touch log; echo $(wc -l < log) >> log; tail -n 1 log; sleep 0.3');
  const { chunk, file, model, store } = await runnerSetting({ turns: slow });
  const limits = within({ maxWallMs: 1500 });
  const untilReached = async () => {
    for (;;) await chunk({ ...limits, maxTurns: 1 });
  };
  await expect(untilReached()).rejects.toMatchObject({ code: 'BUDGET_REACHED', details: { limit: 'maxWallMs' } });
  const { turns, wallMs } = await store.journal.usage(SESSION);
  expect(wallMs).toBeGreaterThanOrEqual(1500);
  expect(turns).toBeLessThanOrEqual(5);
  expect(model.journal()).toHaveLength(turns);
  const end = await chunk(within({ maxWallMs: wallMs + 60_000 }));
  expect(end).toMatchObject({ outcome: 'submitted', turns: WORK + 1 });
  expect(log.startsWith((await file(end.tree, 'log')) ?? 'nothing')).toBe(true);
});

test('a command runs to the wall limit at most, is told to have timed out, and the session pauses', async () => {
  const command = 'echo a >> log; sleep 30; echo b >> log';
  const { chunk, file, model, store } = await runnerSetting({ turns: [{ tools: [bash(command)] }, submit] });
  const started = performance.now();
  await expect(chunk(within({ maxWallMs: 5000 }))).rejects.toMatchObject({
    code: 'BUDGET_REACHED',
    details: { limit: 'maxWallMs', turns: 1 },
  });
  expect(performance.now() - started).toBeLessThan(15_000);
  expect(model.journal()).toHaveLength(1);
  expect(JSON.stringify(await store.journal.transcript(SESSION))).toContain('timed out');
  const end = await chunk();
  expect(await file(end.tree, 'log')).toBe('a\n');
});

test('a call that costs more than any before it overshoots a limit, and it is the only one', async () => {
  const turns = ({ turn }: Conversation): Turn => ({
    ...work({ turn }),
    usage: { input: 1000, output: turn === 3 ? 4000 : 100 },
  });
  const { chunk, model, store } = await runnerSetting({ turns });
  await expect(chunk(within({ maxTokens: 5000 }))).rejects.toMatchObject({ code: 'BUDGET_REACHED' });
  expect(model.journal().map(({ turn }) => turn)).toEqual([0, 1, 2, 3]);
  expect(totalTokens(await store.journal.usage(SESSION))).toBe(3300 + 5000);
});

test('a summary is reserved like any other call', async () => {
  // The context grows by some 2,000 tokens a turn; what is summarized is forgotten, so the work counts by its own file.
  const turns = ({ lastResults }: Conversation): Turn =>
    Number(lastResults[0] ?? 0) < WORK
      ? { text: 'x'.repeat(8000), tools: [bash('echo x >> log; wc -l < log')] }
      : submit;
  const setting = async () =>
    runnerSetting({ turns, summary: 'Some.' }, 'anthropic', { model: { contextWindow: 10_000 } });
  const free = await setting();
  expect(await free.chunk()).toMatchObject({ outcome: 'submitted', turns: WORK + 1 });
  const before = free.model.journal().findIndex(({ asked }) => asked === 'summary');
  expect(before).toBeGreaterThan(0);

  const { chunk, model, store } = await setting();
  await chunk({ maxTurns: before });
  const used = totalTokens(await store.journal.usage(SESSION));
  await expect(chunk(within({ maxTokens: used + 1000 }))).rejects.toMatchObject({
    code: 'BUDGET_REACHED',
    details: { limit: 'maxTokens', used, turns: before },
  });
  expect(model.journal().map(({ asked }) => asked)).toEqual(Array.from({ length: before }, () => 'turn'));
});

test.each(['cut', 'stall'] as const)('what a reply that was %s has cost counts, and so does its time', async (kind) => {
  const { chunk, model, store } = await runnerSetting({ turns: work }, 'anthropic', { model: { cost } });
  model.faults.plan({ turn: 1, times: 2, fault: { kind, afterEvents: 2 } });
  for (const _ of [1, 2]) await expect(chunk()).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' });
  const spent = await store.journal.usage(SESSION);
  expect(spent).toMatchObject({ turns: 1, inputTokens: 3000 });
  expect(spent.costUsd).toBeGreaterThan(0.015 + 2 * 0.01);
  if (kind === 'stall') expect(spent.wallMs).toBeGreaterThan(2 * 1000);
  await chunk();
  const { inputTokens, turns } = await store.journal.usage(SESSION);
  expect({ inputTokens, turns }).toEqual({ inputTokens: (WORK + 1 + 2) * 1000, turns: WORK + 1 });
  expect(model.journal()).toHaveLength(WORK + 3);
});

test('failed calls alone can use a budget up', async () => {
  const { chunk, model } = await runnerSetting({ turns: work });
  model.faults.plan({ times: 9, fault: { kind: 'cut', afterEvents: 2 } });
  const limits = within({ maxTokens: 8000 });
  for (const _ of [1, 2, 3]) await expect(chunk(limits)).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE' });
  const requests = model.journal().length;
  await expect(chunk(within({ maxTokens: 3000 }))).rejects.toMatchObject({ code: 'BUDGET_REACHED' });
  expect(model.journal()).toHaveLength(requests);
});
