import { createModels, type AssistantMessage, type Message, type Tool } from '@earendil-works/pi-ai';
import { LLMock } from '@copilotkit/aimock';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createModel } from '../../../src/model/provider.ts';
import type { Scenario, Turn } from './scenario.ts';
import { startScriptedModel, type ScriptedModel } from './server.ts';

// A mistake in our own wire formats would hide behind our own tests: the same conversation is held with another server, too.
const turns: readonly Turn[] = [
  {
    text: 'I look at the file first, which takes more than one piece to say.',
    tools: [{ name: 'look', args: { path: 'a.txt' } }],
  },
  {
    tools: [
      { name: 'look', args: { path: 'b "quoted" ü.txt' } },
      { name: 'look', args: { path: 'c.txt' } },
    ],
  },
  { text: 'All three are there.' },
];
const usage = { input: 700, output: 30 };
const scenarios: Record<string, Scenario> = { walk: { turns: turns.map((turn) => ({ ...turn, usage })) } };
const look = {
  name: 'look',
  description: 'Looks at a file.',
  parameters: { type: 'object', properties: { path: { type: 'string' } } },
};

const theirUsage = {
  input_tokens: 700,
  output_tokens: 30,
  prompt_tokens: 700,
  completion_tokens: 30,
  total_tokens: 730,
};

let ours: ScriptedModel;
let theirs: LLMock;
beforeAll(async () => {
  ours = await startScriptedModel(scenarios);
  theirs = new LLMock({ port: 0, strict: true, journalMaxEntries: 10 });
  for (const [round, { text, tools }] of turns.entries()) {
    const calls = tools?.map(({ name, args }, index) => ({
      id: `call_${round}_${index}`,
      name,
      arguments: JSON.stringify(args),
    }));
    theirs.on({ predicate: ({ messages }) => roundsIn(messages.map(({ role }) => role)) === round }, {
      ...(text !== undefined && { content: text }),
      ...(calls && { toolCalls: calls }),
      usage: theirUsage,
    } as never);
  }
  await theirs.start();
});
afterAll(async () => {
  await ours.close();
  await theirs.stop();
});

test.each(['anthropic', 'openai', 'openai-responses'] as const)(
  'pi-ai hears the same conversation from this server and from aimock (%s)',
  async (provider) => {
    const heardHere = await converse(provider, ours.url);
    const heardThere = await converse(provider, theirs.url);
    expect(heardHere).toEqual(heardThere);
    expect(heardHere.map(({ stopReason }) => stopReason)).toEqual(['toolUse', 'toolUse', 'stop']);
    expect(heardHere.flatMap(({ calls }) => calls)).toEqual(turns.flatMap(({ tools }) => tools ?? []));
  },
);

interface Heard {
  readonly stopReason: string;
  readonly text: string;
  readonly calls: readonly { readonly name: string; readonly args: unknown }[];
  readonly tokens: { readonly input: number; readonly output: number };
}

/** Talks until the model calls no more tools; each call gets a result. */
async function converse(provider: 'anthropic' | 'openai' | 'openai-responses', baseUrl: string): Promise<Heard[]> {
  const access = createModel({ provider, id: 'walk', baseUrl, thinkingLevel: 'off' }, 'test-key', {
    idleTimeoutMs: 5_000,
  });
  const models = createModels();
  models.setProvider(access.provider);
  const messages: Message[] = [{ role: 'user', content: 'Look at the files.', timestamp: 0 }];
  const heard: Heard[] = [];
  for (;;) {
    const reply = await models.complete(access.model, {
      systemPrompt: 'You look.',
      messages,
      tools: [look as unknown as Tool],
    });
    heard.push(whatWasHeard(reply));
    if (reply.stopReason !== 'toolUse') return heard;
    messages.push(reply);
    for (const call of reply.content) {
      if (call.type !== 'toolCall') continue;
      const content = [{ type: 'text' as const, text: 'It is there.' }];
      messages.push({
        role: 'toolResult',
        toolCallId: call.id,
        toolName: call.name,
        content,
        isError: false,
        timestamp: 0,
      });
    }
  }
}

function whatWasHeard({ stopReason, content, usage, errorMessage }: AssistantMessage): Heard {
  expect(errorMessage).toBeUndefined();
  return {
    stopReason,
    text: content.map((part) => (part.type === 'text' ? part.text : '')).join(''),
    calls: content.flatMap((part) => (part.type === 'toolCall' ? [{ name: part.name, args: part.arguments }] : [])),
    tokens: { input: usage.input, output: usage.output },
  };
}

function roundsIn(roles: readonly string[]): number {
  return roles.filter((role, index) => role === 'tool' && roles[index - 1] !== 'tool').length;
}
