import { expect, test } from 'vitest';
import { EgressRule, isAllowed, isGranted, ruleFor } from '../../src/domain/egress.ts';

test.each(['registry.npmjs.org', '*.pythonhosted.org', 'git.example.test:22', '*.a.b:8443', 'registry', '3com.com'])(
  '%s is a rule',
  (rule) => {
    expect(EgressRule.parse(rule)).toBe(rule);
  },
);

test('a rule is written in lower case', () => {
  expect(EgressRule.parse(' Registry.NPMJS.org ')).toBe('registry.npmjs.org');
});

test.each([
  '',
  '*',
  '*.com',
  'a.*.com',
  '*.*.com',
  'a..b',
  '-a.b',
  'a_b.c',
  'a.b.',
  'a.b:0',
  'a.b:65536',
  'a.b:1:2',
  'büro.de',
  'https://a.b',
  'a.b/c',
  'user@a.b',
  '1.2.3.4',
  '127.1',
  '2130706433',
  '0x7f000001',
  'a.0x7f',
  '[::1]',
  '::1',
])('%s is no rule', (rule) => {
  expect(EgressRule.safeParse(rule).success).toBe(false);
});

test.each([
  ['a.test', 'a.test', 443, true],
  ['a.test', 'a.test', 80, true],
  ['a.test', 'a.test', 22, false],
  ['a.test:22', 'a.test', 22, true],
  ['a.test:22', 'a.test', 443, false],
  ['a.test', 'x.a.test', 443, false],
  ['a.test', 'xa.test', 443, false],
  ['*.a.test', 'x.y.a.test', 443, true],
  ['*.a.test', 'a.test', 443, false],
  ['*.a.test', 'xa.test', 443, false],
  ['*.a.test', '.a.test', 443, false],
  ['a.test', 'a.test\u0000.b', 443, false],
])('with the rule %s, %s:%i is allowed: %s', (rule, host, port, allowed) => {
  expect(isAllowed([rule], { host, port })).toBe(allowed);
  if (!allowed) return;
  const suggested = ruleFor({ host, port });
  expect(suggested !== null && isAllowed([suggested], { host, port })).toBe(true);
});

test.each([
  ['*.a.test', '*.b.a.test', true],
  ['*.a.test', '*.a.test', true],
  ['*.a.test', 'a.test', false],
  ['a.test', '*.a.test', false],
  ['a.test', 'a.test:443', true],
  ['a.test:443', 'a.test', false],
])('whoever may reach %s may grant %s: %s', (granted, wanted, result) => {
  expect(isGranted([granted], wanted)).toBe(result);
});
