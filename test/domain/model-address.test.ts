import { expect, test } from 'vitest';
import { isOfOperator, mayBeAt } from '../../src/domain/model-address.ts';
import type { ModelSpec } from '../../src/domain/model-spec.ts';

test.each([
  ['openai', undefined, true],
  ['openai', 'https://api.openai.com', true],
  ['anthropic', 'http://10.0.0.5/v1/', true],
  ['openai', 'http://10.0.0.5/v1', false],
  ['anthropic', 'http://10.0.0.5:8080', false],
  ['anthropic', 'http://[::ffff:127.0.0.1]', false],
  ['anthropic', 'http://2130706433', false],
  ['anthropic', 'https://gateway.example.test', true],
] as const)('where the server uses http://10.0.0.5, a task may want %s at %s: %s', (provider, baseUrl, allowed) => {
  const spec = (of: ModelSpec['provider'], at?: string): ModelSpec => ({
    provider: of,
    id: 'hello',
    thinkingLevel: 'off',
    ...(at !== undefined && { baseUrl: at }),
  });
  const own = spec('anthropic', 'http://10.0.0.5');
  expect(mayBeAt(spec(provider, baseUrl), own, { allowPrivate: false, networks: [] })).toBe(allowed);
  expect(mayBeAt(spec(provider, baseUrl), own, { allowPrivate: true, networks: [] })).toBe(true);
});

test('a name that a task gives is no address of the operator, and is checked when it is dialled', () => {
  const own: ModelSpec = { provider: 'anthropic', id: 'hello', thinkingLevel: 'off' };
  expect(isOfOperator({ ...own, baseUrl: 'https://gateway.example.test' }, own)).toBe(false);
  expect(isOfOperator({ ...own, baseUrl: 'https://api.anthropic.com/v1/' }, own)).toBe(true);
});
