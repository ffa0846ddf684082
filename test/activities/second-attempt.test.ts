import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import type { Turn } from '../support/scripted-model/scenario.ts';
import { executionSetting } from './execution-setting.ts';
import { SESSION } from './runner-setting.ts';

/** When the end of an activity is lost, Temporal makes another attempt at what was done already. */

const bash = (command: string): Turn => ({ tools: [{ name: 'bash', args: { command } }] });
const submit: Turn = { tools: [{ name: 'submit_result', args: { summary: 'Done.' } }] };
const never = new AbortController().signal;

test('a chunk that came to its border gives the same again, without any request, and the next one goes on there', async () => {
  const turns = [bash('echo 1 >> log'), bash('echo 2 >> log'), bash('echo 3 >> log'), submit];
  const { chunk, model } = await executionSetting({ turns }, { maxTurns: 2 });
  const first = await chunk(0);
  expect(first).toMatchObject({ outcome: 'more', turns: 2 });
  expect(await chunk(0)).toEqual(first);
  expect(model.journal()).toHaveLength(2);
  const last = await chunk(1);
  expect(last).toMatchObject({ outcome: 'submitted', turns: 4 });
  expect(await chunk(1)).toEqual(last);
  expect(model.journal()).toHaveLength(4);
});

test('a verdict that was lost is found, and no command is run again', async () => {
  const { chunk, execution, store } = await executionSetting(
    { turns: [bash('echo 1 > state'), submit] },
    { testStrategy: 'full', acceptance: ['date +%N; test -e state'] },
  );
  const { tree } = await chunk(0);
  const first = await execution.verify({ sessionId: SESSION, tree, iteration: 0 }, never);
  const logs = async () => (await store.artifacts.list(SESSION)).filter(({ name }) => name.endsWith('.log'));
  const before = await logs();
  expect(before.length).toBeGreaterThan(1);
  expect(first).toMatchObject({ accepted: true, verified: true, summary: expect.stringContaining('fixed') });
  expect(await execution.verify({ sessionId: SESSION, tree, iteration: 0 }, never)).toEqual(first);
  expect(await logs()).toEqual(before);
});

test('what was delivered is not delivered again, whatever became of the branch since', async () => {
  const { chunk, execution, server } = await executionSetting({ turns: [bash('echo 1 > state'), submit] });
  const { tree } = await chunk(0);
  const delivery = { sessionId: SESSION, tree, verified: false };
  const first = await execution.deliver(delivery, never);
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'safe.directory=*', '--git-dir', server.pathOf('app'), ...args], { encoding: 'utf8' });
  expect(git('rev-parse', 'work').trim()).toBe(first.commit);
  git('branch', '-D', 'work'); // Merged and tidied up by somebody, say.
  expect(await execution.deliver(delivery, never)).toEqual(first);
  expect(git('branch', '--list', 'work')).toBe('');
});
