import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createModels, type AssistantMessage, type Message, type Tool } from '@earendil-works/pi-ai';
import { expect, test } from 'vitest';
import { demoAcceptance, demoFiles, demoPrompt, demoSkill } from '../../src/demo/demo-repository.ts';
import { renderSkill } from '../../src/domain/skill.ts';
import { classifyModelError } from '../../src/model/classify.ts';
import { createModel, type ModelAccess } from '../../src/model/provider.ts';
import { parseSkill } from '../../src/skill/parse-skill.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const spec = { provider: 'scripted-demo', id: 'fix-failing-test', thinkingLevel: 'off' } as const;
const schema = { type: 'object', properties: {} };
const tools = ['read', 'edit', 'bash', 'plan', 'submit_result'].map(
  (name) => ({ name, description: name, parameters: schema }) as unknown as Tool,
);
const skill = (separator: string) => renderSkill(parseSkill(demoSkill), { separator });

function next({ provider, model }: ModelAccess, system: string, messages: readonly Message[]) {
  const models = createModels();
  models.setProvider(provider);
  const context = { systemPrompt: system, messages: [...messages], tools };
  return models.completeSimple(model, context);
}

const prompt: Message = { role: 'user', content: demoPrompt, timestamp: 0 };

function callOf(reply: AssistantMessage) {
  const call = reply.content.find((part) => part.type === 'toolCall');
  if (call === undefined) throw new Error(`no call in ${JSON.stringify(reply)}`);
  return call;
}

/** What the demo's tools do, in this directory. */
function act(directory: string, name: string, args: Record<string, unknown>): string {
  if (name === 'read') return readFileSync(join(directory, String(args['path'])), 'utf8');
  if (name === 'bash') {
    const { status, stdout } = spawnSync('/bin/bash', ['-c', String(args['command'])], {
      cwd: directory,
      encoding: 'utf8',
    });
    return `exit ${status}\n${stdout}`;
  }
  if (name !== 'edit') return 'ok';
  const path = join(directory, String(args['path']));
  for (const { oldText, newText } of args['edits'] as { oldText: string; newText: string }[]) {
    const before = readFileSync(path, 'utf8');
    expect(before.split(oldText)).toHaveLength(2);
    writeFileSync(
      path,
      before.replace(oldText, () => newText),
    );
  }
  return 'edited';
}

function writeDemo(directory: string): void {
  for (const [path, text] of Object.entries(demoFiles)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
}

test('the script really mends the demo: red before, green after, with the separator that was asked for', async () => {
  const directory = temporaryDirectory();
  writeDemo(directory);
  const access = createModel(spec, undefined, { demoDelayMs: 0 });
  const messages: Message[] = [prompt];
  const results: string[] = [];
  for (let turn = 0; turn < 20; turn += 1) {
    const reply = await next(access, skill('.'), messages);
    const call = callOf(reply);
    results.push(`${call.name} ${act(directory, call.name, call.arguments).split('\n')[0]}`);
    messages.push(reply, resultOf(call, results.at(-1) ?? ''));
    if (call.name === 'submit_result') break;
  }
  expect(results.filter((result) => result.startsWith('bash'))).toEqual(['bash exit 1', 'bash exit 0', 'bash exit 0']);
  expect(results.at(-1)).toBe('submit_result ok');
  for (const command of demoAcceptance) execFileSync('/bin/bash', ['-c', command], { cwd: directory });
  expect(readFileSync(join(directory, 'src/slugify.js'), 'utf8')).toContain(`SEPARATOR = '.'`);
  expect(readFileSync(join(directory, 'CHANGELOG.md'), 'utf8')).toMatch(/1\.0\.1: slugify drops punctuation/);
});

function resultOf(call: { readonly id: string; readonly name: string }, text: string): Message {
  return {
    role: 'toolResult',
    toolCallId: call.id,
    toolName: call.name,
    content: [{ type: 'text', text }],
    isError: false,
    timestamp: 0,
  };
}

test('replies are a function of the transcript: another process would say the same', async () => {
  const first = await next(createModel(spec, undefined, { demoDelayMs: 0 }), skill('-'), [prompt]);
  const again = await next(createModel(spec, undefined, { demoDelayMs: 0 }), skill('-'), [prompt]);
  expect(again.content).toEqual(first.content);
});

test('any other task is refused, and that is not worth a retry', async () => {
  const other: Message = { role: 'user', content: 'Write a poem.', timestamp: 0 };
  const reply = await next(createModel(spec, undefined, { demoDelayMs: 0 }), skill('-'), [other]);
  expect(reply.errorMessage).toContain('only replays the bundled demo');
  expect(classifyModelError(reply)).toMatchObject({ code: 'MODEL_REJECTED', retryable: false });
});

test('a waiting reply can be aborted', async () => {
  const controller = new AbortController();
  const { provider, model } = createModel(spec, undefined, { demoDelayMs: 600_000 });
  const models = createModels();
  models.setProvider(provider);
  const stream = models.streamSimple(model, { messages: [prompt] }, { signal: controller.signal });
  for await (const event of stream) if (event.type === 'start') controller.abort();
  expect((await stream.result()).stopReason).toBe('aborted');
});

test('the demo needs an input, so that its preflight has something to ask', () => {
  expect(parseSkill(demoSkill).requiredInputs).toEqual([{ name: 'separator', description: 'One of - _ . ~' }]);
  expect(() => renderSkill(parseSkill(demoSkill), {})).toThrow(/separator/);
});
