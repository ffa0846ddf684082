import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryDirectory } from '../temporary-directory.ts';
import { spawnScriptedModel } from './process.ts';
import type { Scenario } from './scenario.ts';
import { startScriptedModel } from './server.ts';

const bash = { name: 'bash', input_schema: { type: 'object' } };
const prompt = { role: 'user', content: 'Do it.' };

async function start(scenarios: Record<string, Scenario>, options: { readonly key?: string } = {}) {
  const server = await startScriptedModel(scenarios, options);
  onTestFinished(() => server.close());
  return server;
}

async function ask(url: string, body: object, headers: Record<string, string> = {}) {
  const answer = await fetch(`${url}/v1/messages`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ tools: [bash], ...body }),
  });
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as Record<string, unknown> };
}

test('a repeated request gets the same answer, with the same ids', async () => {
  const { url } = await start({ s: { turns: [{ text: 'Now.', tools: [{ name: 'bash', args: { command: 'ls' } }] }] } });
  const first = await ask(url, { model: 's', messages: [prompt] });
  const second = await ask(url, { model: 's', messages: [prompt] });
  expect(first.body).toEqual(second.body);
  expect(first.body['content']).toEqual([
    { type: 'text', text: 'Now.' },
    { type: 'tool_use', id: 'toolu_scripted_0_0', name: 'bash', input: { command: 'ls' } },
  ]);
});

test('a message of the user after the results is visible to the scenario and counts no round', async () => {
  const seen: unknown[] = [];
  const { url } = await start({
    s: {
      turns: ({ turn, userMessages, lastResults }) => {
        seen.push({ turn, userMessages, lastResults });
        return { text: 'ok' };
      },
    },
  });
  const call = (id: string) => ({ role: 'assistant', content: [{ type: 'tool_use', id, name: 'bash', input: {} }] });
  const result = (...ids: string[]) => ({
    role: 'user',
    content: ids.map((id) => ({ type: 'tool_result', tool_use_id: id, content: `out ${id}` })),
  });
  const nudge = { role: 'user', content: [{ type: 'text', text: 'Still red.' }] };
  await ask(url, { model: 's', messages: [prompt, call('a'), result('a'), call('b'), result('b', 'c'), nudge] });
  expect(seen).toEqual([{ turn: 2, userMessages: ['Do it.', 'Still red.'], lastResults: ['out b', 'out c'] }]);
});

test('the contract call is answered apart from the turns', async () => {
  const { url } = await start({ s: { turns: [{ text: 'first turn' }] } });
  const { body } = await ask(url, {
    model: 's',
    messages: [prompt],
    tools: [{ name: 'emit_contract', input_schema: {} }],
  });
  expect(body['content']).toMatchObject([{ name: 'emit_contract', input: { goal: 'Do it.', missingInformation: [] } }]);
});

test('a wrong key is refused in the words of each API, and neither key is in the journal', async () => {
  const server = await start({ s: { turns: [{ text: 'hi' }] } }, { key: 'right' });
  const wrong = await ask(server.url, { model: 's', messages: [prompt] }, { 'x-api-key': 'wrong-key' });
  expect(wrong).toMatchObject({ status: 401, body: { type: 'error', error: { type: 'authentication_error' } } });
  const chat = await fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    body: '{"model":"s","messages":[]}',
  });
  expect(await chat.json()).toMatchObject({ error: { code: 'invalid_api_key' } });
  const right = await ask(server.url, { model: 's', messages: [prompt] }, { 'x-api-key': 'right' });
  expect(right.status).toBe(200);
  expect(JSON.stringify(server.journal())).not.toMatch(/wrong-key|"right"/);
});

test('planned faults happen to the requests they are for, as often as said, and the journal counts the attempts', async () => {
  const server = await start({ s: { turns: [{ text: 'hi' }] } });
  server.faults.plan({ scenario: 's', turn: 0, times: 2, fault: { kind: 'status', status: 429, retryAfter: 3 } });
  server.faults.plan({ scenario: 'other', fault: { kind: 'status', status: 500 } });
  const limited = await ask(server.url, { model: 's', messages: [prompt] });
  expect(limited.headers.get('retry-after')).toBe('3');
  await ask(server.url, { model: 's', messages: [prompt] });
  await ask(server.url, { model: 's', messages: [prompt] });
  const entries = server.journal();
  expect(entries.map(({ attempt, status, outcome }) => ({ attempt, status, outcome }))).toEqual([
    { attempt: 1, status: 429, outcome: 'error' },
    { attempt: 2, status: 429, outcome: 'error' },
    { attempt: 3, status: 200, outcome: 'ok' },
  ]);
  expect(new Set(entries.map(({ bodySha256 }) => bodySha256)).size).toBe(1);
});

test('the journal keeps only the newest requests', async () => {
  const server = await startScriptedModel({ s: { turns: [{ text: 'hi' }] } }, { journalMax: 3 });
  onTestFinished(() => server.close());
  for (let count = 0; count < 8; count += 1)
    await ask(server.url, { model: 's', messages: [prompt], max_tokens: count });
  expect(server.journal()).toHaveLength(3);
});

test('the server runs as a process of its own, takes faults and shows its journal over HTTP', async () => {
  const module = join(temporaryDirectory(), 'scenarios.ts');
  writeFileSync(module, `export const scenarios = { s: { turns: [{ text: 'from a module' }] } };\n`);
  const server = await spawnScriptedModel(module, { key: 'k' });
  onTestFinished(() => server.stop());
  await server.planFaults([{ scenario: 's', fault: { kind: 'status', status: 529 } }]);
  expect((await ask(server.url, { model: 's', messages: [prompt] }, { 'x-api-key': 'k' })).status).toBe(529);
  const { body } = await ask(server.url, { model: 's', messages: [prompt] }, { 'x-api-key': 'k' });
  expect(body['content']).toEqual([{ type: 'text', text: 'from a module' }]);
  expect((await server.journal()).map(({ outcome }) => outcome)).toEqual(['error', 'ok']);
  await expect(server.planFaults([{ fault: { kind: 'nonsense' } } as never])).rejects.toThrow(/nonsense|Invalid/);
});
