import { expect, test } from 'vitest';
import { loopAtEnd } from '../../src/domain/stuck.ts';

const turns = (text: string) => text.split('');

test.each([
  ['aaa', 'repeated_call'],
  ['xyzaaa', 'repeated_call'],
  ['ababab', 'alternating_calls'],
  ['abcabcabc', 'alternating_calls'],
  ['xabcdabcdabcd', 'alternating_calls'],
  ['aa', null],
  ['aaab', null],
  ['babab', null],
  ['abcdeabcdeabcde', null],
  ['', null],
] as const)('three times: %s is %s', (text, reason) => {
  expect(loopAtEnd(turns(text), 3)).toBe(reason);
});

test('nothing is a loop when nobody looks for loops', () => {
  expect(loopAtEnd(turns('aaaaaaaa'), 0)).toBeNull();
});
