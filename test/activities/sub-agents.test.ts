import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { toolNames } from '../../src/domain/tools.ts';
import type { ModelProvider } from '../../src/domain/model-spec.ts';
import { until } from '../support/holdfast.ts';
import type { ToolCall } from '../support/scripted-model/scenario.ts';
import { bash, call, delegating, delegation, echo, LOG, submit, task, TURNS } from '../support/delegation.ts';
import { runnerSetting, SESSION, type RunnerSetting } from './runner-setting.ts';

/** A main agent that makes these calls and hands in what came of the last ones. */
const main = (...tools: readonly ToolCall[]) => [{ tools }, submit('s')];

/** The results of the calls of `task`, as the parent was told them. */
async function answers({ store }: RunnerSetting): Promise<{ text: string; isError: boolean; task?: string }[]> {
  type Result = {
    role: string;
    toolName: string;
    isError: boolean;
    content: { text: string }[];
    details: { task?: string };
  };
  const entries = (await store.journal.transcript(SESSION)) as { message?: Result }[];
  return entries
    .flatMap(({ message }) => (message?.role === 'toolResult' && message.toolName === 'task' ? [message] : []))
    .map(({ content, isError, details }) => ({ text: content[0]?.text ?? '', isError, ...details }));
}

test.each(['anthropic', 'openai', 'openai-responses'] satisfies ModelProvider[])(
  'parts of a task are done by sub-agents in the same work tree, over the wire format %s',
  async (provider) => {
    const setting = await runnerSetting(delegating, provider);
    const end = await setting.chunk();
    expect(end).toMatchObject({ outcome: 'submitted', turns: TURNS });
    expect(await setting.file(end.tree, 'log.txt')).toBe(LOG);
    const told = await answers(setting);
    expect(told.map(({ text }) => text)).toEqual(['Alpha is done.', 'Beta has read.', 'Gamma is done.']);
    expect(await setting.runner.summary(SESSION)).toBe('All done.');
  },
);

test('a sub-agent has a transcript and a frozen snapshot of its own, which names its parent and its call', async () => {
  const setting = await runnerSetting(
    delegation({ main: main(task('alpha')), alpha: [{ tools: [echo(1)] }, submit('done')] }),
  );
  await setting.chunk();
  const [told] = await answers(setting);
  const id = told?.task ?? '';
  const { artifacts, journal } = setting.store;
  expect(await journal.subAgents(SESSION)).toEqual([id]);
  const transcript = JSON.stringify(await journal.transcript(SESSION, id));
  expect(transcript).toContain('Do alpha.');
  expect(transcript).not.toContain(setting.snapshot.prompt);
  expect(JSON.stringify(await journal.transcript(SESSION))).not.toContain('echo 1 >>');
  const { bytes } = await artifacts.read(SESSION, `tasks/${id}/snapshot.json`);
  expect(JSON.parse(bytes.toString('utf8'))).toEqual({
    version: 1,
    sessionId: SESSION,
    task: id,
    parent: expect.stringMatching(/^sha256:/),
    turn: 0,
    callId: expect.any(String),
    title: 'alpha',
    prompt: 'Do alpha.',
    tools: toolNames.filter((name) => name !== 'task' && name !== 'plan'),
    systemPrompt: expect.stringMatching(/^sha256:/),
  });
});

test('the borders of chunks change neither the requests nor the sub-agents', async () => {
  const runs = await Promise.all(
    [100, 2, 1].map(async (maxTurns) => {
      const { toTheEnd, model, store } = await runnerSetting(delegating);
      const { tree } = await toTheEnd({ maxTurns });
      const bodies = model.journal().map(({ bodySha256 }) => bodySha256);
      const snapshots = (await store.artifacts.list(SESSION)).map(({ name }) => name);
      return { tree, bodies, snapshots };
    }),
  );
  expect(runs[0]?.bodies).toHaveLength(TURNS);
  expect(runs[0]?.snapshots).toHaveLength(3);
  expect(runs[1]).toEqual(runs[0]);
  expect(runs[2]).toEqual(runs[0]);
});

test('a chunk that is full ends inside of a sub-agent, or before the next one begins', async () => {
  const { chunk, store } = await runnerSetting(delegating);
  // A turn of the parent ends with its last sub-agent: it takes no request of its own.
  for (const turns of [2, 5, 7, 10]) {
    expect(await chunk({ maxTurns: 2 })).toMatchObject({ outcome: 'more', turns });
    expect((await store.journal.latest(SESSION))?.turn).toBe(turns);
  }
  expect(await chunk({ maxTurns: 2 })).toMatchObject({ outcome: 'submitted', turns: TURNS });
});

test('a session that is held while a sub-agent works ends its chunk at the turn border of the sub-agent, and goes on inside', async () => {
  const script = {
    main: main(echo(1), task('alpha'), echo(4)),
    alpha: [{ tools: [bash('touch running; sleep 0.5; echo 2 >> log.txt')] }, { tools: [echo(3)] }, submit('done')],
  };
  const { chunk, file, git, model, store } = await runnerSetting(delegation(script));
  const running = chunk();
  await until(() => existsSync(join(git.open(SESSION).workspace().spec.workspace, 'running')));
  await store.sessions.setHeld(SESSION, true);
  expect(await running).toMatchObject({ outcome: 'more', turns: 1 });
  expect(model.journal()).toHaveLength(2);
  await store.sessions.setHeld(SESSION, false);
  const end = await chunk();
  expect(end).toMatchObject({ outcome: 'submitted', turns: 5 });
  expect(await file(end.tree, 'log.txt')).toBe('1\n2\n3\n4\n');
  expect(model.journal()).toHaveLength(5);
});

test('an abort reaches the command of a sub-agent at once, and what it did half is undone', async () => {
  const command = 'echo 2 >> log.txt; touch running; sleep 4; rm running';
  const script = { main: main(echo(1), task('alpha')), alpha: [{ tools: [bash(command)] }, submit('done')] };
  const { chunk, file, git } = await runnerSetting(delegation(script));
  const controller = new AbortController();
  const running = chunk({}, controller.signal).catch((error: unknown) => error);
  await until(() => existsSync(join(git.open(SESSION).workspace().spec.workspace, 'running')));
  const aborted = performance.now();
  const reason = new Error('enough');
  controller.abort(reason);
  expect(await running).toBe(reason);
  expect(performance.now() - aborted).toBeLessThan(3500);
  const end = await chunk();
  expect(end).toMatchObject({ outcome: 'submitted', turns: 4 });
  expect(await file(end.tree, 'log.txt')).toBe('1\n2\n');
});

test('the turns and tokens of sub-agents count for the limits, and so does the unfinished turn of their parent', async () => {
  const { chunk, model, store, snapshot } = await runnerSetting(delegating);
  const limited = (maxSteps: number) => chunk({ limits: { ...snapshot.limits, maxSteps } });
  // Turns 1 of the agent and 2 of its sub-agent are finished, the one between them is open: three replies have been paid for.
  await expect(limited(3)).rejects.toMatchObject({ code: 'BUDGET_REACHED', details: { turns: 2 } });
  expect(model.journal()).toHaveLength(3);
  await expect(limited(3)).rejects.toMatchObject({ code: 'BUDGET_REACHED' });
  expect(model.journal()).toHaveLength(3);
  const { inputTokens, outputTokens } = await store.journal.usage(SESSION);
  const maxTokens = inputTokens + outputTokens + 1;
  await expect(chunk({ limits: { ...snapshot.limits, maxTokens } })).rejects.toMatchObject({ code: 'BUDGET_REACHED' });
  expect(model.journal()).toHaveLength(3);
  expect(await chunk()).toMatchObject({ outcome: 'submitted', turns: TURNS });
  expect(model.journal()).toHaveLength(TURNS);
});

test('trouble of the provider inside of a sub-agent fails the chunk as it is, and the next one goes on inside', async () => {
  const setting = await runnerSetting(delegating);
  setting.model.faults.plan({ turn: 2, fault: { kind: 'status', status: 529 } });
  await expect(setting.chunk()).rejects.toMatchObject({ code: 'MODEL_UNAVAILABLE', details: { turns: 3 } });
  const end = await setting.chunk();
  expect(end).toMatchObject({ outcome: 'submitted', turns: TURNS });
  expect(await setting.file(end.tree, 'log.txt')).toBe(LOG);
  expect(setting.model.journal()).toHaveLength(TURNS + 1);
});

test('a sub-agent that is blocked, or has no result, is an answer to its parent and not the end', async () => {
  const setting = await runnerSetting(
    delegation({
      main: [{ tools: [task('alpha')] }, { tools: [task('beta')] }, submit('s')],
      alpha: [{ tools: [call('report_blocked', { reason: 'no compiler' })] }],
      beta: [{ text: 'Shall I go on?' }],
    }),
  );
  expect(await setting.toTheEnd({ maxTurns: 1 })).toMatchObject({ outcome: 'submitted', turns: 7 });
  expect(await answers(setting)).toEqual([
    { text: expect.stringContaining('blocked: no compiler'), isError: false, task: expect.any(String) },
    { text: expect.stringContaining('without a result'), isError: true },
  ]);
});

test('a sub-agent that tries to reach a person fails the session, and every further attempt', async () => {
  const { chunk, model } = await runnerSetting(
    delegation({
      main: main(task('alpha')),
      alpha: [{ tools: [call('ask_user', { question: 'Which?' })] }, submit('s')],
    }),
  );
  for (const _ of [1, 2]) await expect(chunk()).rejects.toMatchObject({ code: 'INTERACTION_ATTEMPTED' });
  expect(model.journal()).toHaveLength(2);
});

test('a sub-agent has no tool that its parent has not, and cannot delegate', async () => {
  const offered: string[][] = [];
  const setting = await runnerSetting({
    turns: (conversation) => {
      if (conversation.userMessages[0]?.includes('<title>')) {
        offered.push([...conversation.tools]);
        return conversation.turn === 0 ? { tools: [bash('echo never >> log.txt')] } : submit('done');
      }
      const tools = [
        task('alpha', { tools: ['read'] }),
        task('beta', { tools: ['bash'] }),
        task('gamma', { tools: ['task'] }),
      ];
      return conversation.turn === 0 ? { tools } : submit('s');
    },
  });
  const whitelist = ['read', 'ls', 'task', 'plan', 'submit_result', 'report_blocked'];
  const end = await setting.chunk({ snapshot: { ...setting.snapshot, tools: whitelist } });
  expect(offered).toHaveLength(2);
  expect(offered.every((names) => names.join() === 'read,submit_result,report_blocked')).toBe(true);
  expect(await setting.file(end.tree, 'log.txt')).toBeUndefined();
  const refusal = (name: string) =>
    `A sub-agent cannot have: ${name}. It can have: read, ls, submit_result, report_blocked.`;
  expect((await answers(setting)).slice(1)).toEqual([
    { text: refusal('bash'), isError: true },
    { text: refusal('task'), isError: true },
  ]);
});

test('without task on the whitelist there is no such tool', async () => {
  const setting = await runnerSetting(delegation({ main: main(task('alpha')), alpha: [submit('never')] }));
  const tools = setting.snapshot.tools.filter((name) => name !== 'task');
  expect(await setting.chunk({ snapshot: { ...setting.snapshot, tools } })).toMatchObject({ turns: 2 });
  expect(await answers(setting)).toEqual([{ text: 'Tool task not found', isError: true }]);
});

test('a long report is cut', async () => {
  const script = { main: main(task('alpha')), alpha: [submit('x'.repeat(50_000))] };
  const setting = await runnerSetting({ ...delegation(script), pieceChars: 10_000 });
  await setting.chunk();
  const [told] = await answers(setting);
  expect(told?.text.length).toBeLessThan(20_100);
  expect(told?.text).toContain('[30000 more characters are not shown]');
});
