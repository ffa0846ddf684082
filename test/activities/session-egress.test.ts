import { expect, test } from 'vitest';
import type { Turn } from '../support/scripted-model/scenario.ts';
import { outsideCounter } from './outside-counter.ts';
import { reaching, runnerSetting, SESSION } from './runner-setting.ts';

const bash = (...commands: string[]): Turn => ({
  tools: commands.map((command) => ({ name: 'bash', args: { command } })),
});
const submit: Turn = { tools: [{ name: 'submit_result', args: { summary: 's' } }] };

test('commands reach the hosts that are frozen; the others are blocked, the model is told, and one event each is recorded', async () => {
  const counter = await outsideCounter();
  const told: string[] = [];
  const setting = await runnerSetting({
    turns: ({ turn, lastResults }) => {
      told.push(...lastResults);
      const blocked = 'curl -sS https://b.test/';
      return [bash(`curl -sS http://${counter.host}/1`, blocked), bash(blocked, 'true'), submit][turn];
    },
  });
  const { chunk, store } = reaching(setting, [counter.host]);
  await chunk({ maxTurns: 1 });
  expect(await chunk()).toMatchObject({ outcome: 'submitted' });
  expect(told[0]).toBe('counted /1\n');
  expect(told.slice(1, 3)).toEqual([
    expect.stringContaining('the rule to add is "b.test"'),
    expect.stringContaining('"b.test"'),
  ]);
  expect(told[3]).toBe('(no output)');
  const events = (await store.events.list(SESSION)).filter(({ type }) => type === 'blocked_host');
  expect(events).toMatchObject([{ data: { host: 'b.test', port: 443, reason: 'not_listed', rule: 'b.test' } }]);
});

test('without a list there is no network, and the tools for files never have one', async () => {
  const counter = await outsideCounter();
  const told: string[] = [];
  const { chunk, store } = await runnerSetting({
    turns: ({ turn, lastResults }) => {
      told.push(...lastResults);
      return [bash(`curl -sS http://${counter.host}/1; env | grep -ci proxy`), submit][turn];
    },
  });
  await chunk();
  expect(told[0]).toMatch(/Could not resolve host[^]*0/);
  expect(counter.count('/1')).toBe(0);
  expect(await store.events.list(SESSION)).not.toContainEqual(expect.objectContaining({ type: 'blocked_host' }));
});
