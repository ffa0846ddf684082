import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from '@earendil-works/pi-ai';
import { defineTool, SessionManager, type ToolDefinition } from '@earendil-works/pi-coding-agent';
import { expect, onTestFinished, test } from 'vitest';
import { openAgentSession } from '../../src/agent/agent-session.ts';
import { NoInteractionExtension } from '../../src/agent/no-interaction-extension.ts';
import { StopSignal } from '../../src/agent/stop-signal.ts';
import { createModel } from '../../src/model/provider.ts';
import { runnerSetting, SESSION } from '../activities/runner-setting.ts';
import type { Turn } from '../support/scripted-model/scenario.ts';
import { startScriptedModel } from '../support/scripted-model/server.ts';

const submit: Turn = { tools: [{ name: 'submit_result', args: { summary: 's' } }] };
const touch = { name: 'bash', args: { command: 'echo x > after.txt' } };

test.each(['ask_user', 'AskUserQuestion', 'request_user_input'])(
  'a call of %s stops the run before any tool of that reply runs',
  async (name) => {
    const { chunk, git, store, model } = await runnerSetting({
      turns: [{ tools: [touch, { name, args: { question: 'Which?' } }] }, submit],
    });
    await expect(chunk()).rejects.toMatchObject({
      code: 'INTERACTION_ATTEMPTED',
      message: expect.stringContaining(name),
    });
    expect(model.journal()).toHaveLength(1);
    const results = JSON.stringify((await store.journal.transcript(SESSION)).slice(-2));
    expect(results).toContain('stopped');
    expect(existsSync(join(git.open(SESSION).workspace().spec.workspace, 'after.txt'))).toBe(false);
  },
);

test('a registered tool that asks is blocked as well, and a dialog is an attempt', async () => {
  const model = await startScriptedModel({
    task: { turns: [{ tools: [{ name: 'ask_user', args: {} }] }, { tools: [{ name: 'dialog', args: {} }] }, {}] },
  });
  onTestFinished(() => model.close());
  let asked = 0;
  const tool = (name: string, execute: ToolDefinition['execute']) =>
    defineTool({
      name,
      label: name,
      description: name,
      parameters: Type.Object({}),
      execute,
    }) as unknown as ToolDefinition;
  const askUser = tool('ask_user', async () => {
    asked += 1;
    return { content: [], details: undefined };
  });
  const dialog = tool('dialog', async (_id, _args, _signal, _update, context) => {
    await context.ui.confirm('Sure?', 'Sure?');
    return { content: [], details: undefined };
  });
  for (const [name, custom] of [
    ['ask_user', askUser],
    ['dialog', dialog],
  ] as const) {
    const stop = new StopSignal();
    const noInteraction = new NoInteractionExtension(stop, () => 0);
    const session = await openAgentSession({
      cwd: '/workspace',
      access: createModel({ provider: 'anthropic', id: 'task', baseUrl: model.url, thinkingLevel: 'off' }, 'key'),
      thinkingLevel: 'off',
      systemPrompt: 's',
      tools: [name],
      customTools: [custom],
      noInteraction,
      sessionManager: SessionManager.inMemory('/workspace'),
    });
    session.agent.finishTurn = () => ({ action: 'end' });
    await session.prompt('go', { expandPromptTemplates: false, source: 'rpc' });
    if (name === 'dialog') await session.agent.continue();
    session.dispose();
    expect(stop.reason).toMatchObject({ code: 'INTERACTION_ATTEMPTED' });
  }
  expect(asked).toBe(0);
});

test('a question as last words is nudged twice, counted over restarts, and then it is NO_RESULT', async () => {
  const { chunk, model, store } = await runnerSetting({ turns: () => ({ text: 'Shall I go on?' }) });
  expect(await chunk({ maxTurns: 1 })).toMatchObject({ outcome: 'more', turns: 1 });
  expect(await chunk({ maxTurns: 1 })).toMatchObject({ outcome: 'more', turns: 2 });
  await expect(chunk()).rejects.toMatchObject({
    code: 'NO_RESULT',
    message: expect.stringContaining('Shall I go on?'),
  });
  await expect(chunk()).rejects.toMatchObject({ code: 'NO_RESULT' });
  expect(model.journal()).toHaveLength(3);
  expect(JSON.stringify(await store.journal.transcript(SESSION)).match(/Nobody is there/g)).toHaveLength(2);
});

test('a nudge helps an agent that only forgot to hand in', async () => {
  const { chunk } = await runnerSetting({
    turns: ({ userMessages }) => (userMessages.length > 1 ? submit : { text: 'I am done.' }),
  });
  expect(await chunk()).toMatchObject({ outcome: 'submitted', turns: 2 });
});
