import type { AssistantMessage, ToolResultMessage } from '@earendil-works/pi-ai';
import type { ToolDefinition } from '@earendil-works/pi-coding-agent';
import { expect, test } from 'vitest';
import { givingAgain, resultsBefore } from '../../src/agent/replay.ts';

const reply = {
  role: 'assistant',
  content: ['a', 'b', 'c'].map((id) => ({ type: 'toolCall', id, name: 'bash', arguments: {} })),
} as unknown as AssistantMessage;
const result = (toolCallId: string, isError = false) => ({
  role: 'toolResult',
  toolCallId,
  isError,
  content: [{ type: 'text', text: `gave ${toolCallId}` }],
  details: { of: toolCallId },
});
const tail = [reply, result('a'), result('b', true)].map((message) => ({ type: 'message', message }));

test('of a replayed reply, what comes before the call that made the newest checkpoint is given again', () => {
  const before = (id: string) => [...resultsBefore(reply, tail, (callId) => callId === id).keys()];
  expect(before('c')).toEqual(['a', 'b']);
  expect(before('b')).toEqual(['a']);
  expect(before('a')).toEqual([]);
  expect(before('none of them')).toEqual([]);
});

test('a result is given again as it was recorded, also an error; other calls run', async () => {
  const ran: string[] = [];
  const tool = { name: 'bash', execute: async (id: string) => void ran.push(id) } as unknown as ToolDefinition;
  const results = new Map(
    [result('a'), result('b', true)].map((one) => [one.toolCallId, one as unknown as ToolResultMessage]),
  );
  const [again] = givingAgain([tool], results);
  const call = (id: string) => again?.execute(id, {}, undefined, undefined, {} as never);
  expect(await call('a')).toEqual({ content: [{ type: 'text', text: 'gave a' }], details: { of: 'a' } });
  await expect(call('b')).rejects.toThrow(/^gave b$/);
  await call('c');
  expect(ran).toEqual(['c']);
});
