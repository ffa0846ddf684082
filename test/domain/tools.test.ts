import { expect, test } from 'vitest';
import { optionalTools, toolNames, whitelistFor } from '../../src/domain/tools.ts';

test('an agent has every tool but the optional ones, which a contract must require', () => {
  const usual = toolNames.filter((name) => !(optionalTools as readonly string[]).includes(name));
  expect(whitelistFor([], [])).toEqual(usual);
  expect(whitelistFor([], ['read', 'bash'])).toEqual(usual);
  expect(whitelistFor([], ['task'])).toEqual(toolNames);
});

test('a skill that names tools gets these and the ends, whatever the contract requires besides', () => {
  expect(whitelistFor(['read'], ['read', 'bash', 'task'])).toEqual(['read', 'plan', 'submit_result', 'report_blocked']);
  expect(whitelistFor(['task', 'read'], [])).toEqual(['read', 'plan', 'submit_result', 'report_blocked', 'task']);
});
