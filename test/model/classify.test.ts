import { expect, test } from 'vitest';
import { classifyModelError } from '../../src/model/classify.ts';
import { retryAfterOf } from '../../src/model/http.ts';

test.each([
  ['401 {"type":"error","error":{"type":"authentication_error"}}', 'MODEL_AUTH_FAILED'],
  ['OpenAI API error (403): forbidden', 'MODEL_AUTH_FAILED'],
  ['OpenAI API error (429): {"code":"insufficient_quota"}', 'MODEL_RATE_LIMITED'],
  ['529 {"type":"error","error":{"type":"overloaded_error"}}', 'MODEL_UNAVAILABLE'],
  ['{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', 'MODEL_UNAVAILABLE'],
  ['rate_limit_exceeded: slow down', 'MODEL_RATE_LIMITED'],
  ['404 model: nothing-4', 'MODEL_REJECTED'],
  ['409 conflict', 'MODEL_UNAVAILABLE'],
  ['The model refused to complete the request', 'MODEL_REJECTED'],
  ['connect ECONNREFUSED 127.0.0.1:1', 'MODEL_UNAVAILABLE'],
  ['Anthropic stream ended before message_stop', 'MODEL_UNAVAILABLE'],
  ['Unexpected end of JSON input', 'MODEL_UNAVAILABLE'],
  ['read 400 bytes, then nothing', 'MODEL_UNAVAILABLE'],
  ['No API key for provider: openai', 'MODEL_KEY_MISSING'],
] as const)('the text "%s" means %s', (text, code) => {
  expect(classifyModelError(text).code).toBe(code);
});

test('what HTTP said counts more than the text', () => {
  expect(classifyModelError('something odd', { status: 503, retryAfterMs: 1_500 })).toMatchObject({
    code: 'MODEL_UNAVAILABLE',
    retryAfterMs: 1_500,
  });
  expect(classifyModelError('overloaded', { stalledMs: 900 }).message).toBe('The model sent nothing for 900 ms.');
});

test('a wait is only passed on where waiting can help', () => {
  expect(classifyModelError('no', { status: 400, retryAfterMs: 5_000 }).retryAfterMs).toBeUndefined();
});

test('messages are short and hold nothing that looks like a key', () => {
  const { message } = classifyModelError(`401 bad key sk-ant-abcdefgh12345678 ${'x'.repeat(5_000)}`);
  expect(message).not.toContain('abcdefgh');
  expect(message.length).toBeLessThan(500);
});

test('Retry-After is read in milliseconds, seconds and as a date, and bounded', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  expect(retryAfterOf('1500', '9', now)).toBe(1_500);
  expect(retryAfterOf(null, '2.5', now)).toBe(2_500);
  expect(retryAfterOf(null, 'Thu, 01 Jan 2026 00:00:30 GMT', now)).toBe(30_000);
  expect(retryAfterOf(null, 'Thu, 01 Jan 2020 00:00:30 GMT', now)).toBe(0);
  expect(retryAfterOf(null, '999999999', now)).toBe(86_400_000);
  expect(retryAfterOf(null, 'soon', now)).toBeNull();
  expect(retryAfterOf(null, null, now)).toBeNull();
});
