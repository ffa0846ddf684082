import { expect, test } from 'vitest';
import { describeLimit, leftWallMs, reachedLimit, strainedLimits } from '../../src/domain/budget.ts';
import { noUsage } from '../../src/domain/usage.ts';

const limits = { maxSteps: 10, maxIterations: 3, maxTokens: 1000, maxCostUsd: 1, maxWallMs: 60_000 };
const nothing = { tokens: 0, costUsd: 0 };

test.each([
  ['maxSteps', { turns: 10 }, nothing],
  ['maxTokens', { inputTokens: 400, outputTokens: 200, cacheReadTokens: 300, cacheWriteTokens: 100 }, nothing],
  ['maxTokens', { inputTokens: 900 }, { tokens: 101, costUsd: 0 }],
  ['maxCostUsd', { costUsd: 0.9 }, { tokens: 0, costUsd: 0.2 }],
  ['maxWallMs', { wallMs: 60_000 }, nothing],
] as const)('%s is reached by %o with %o reserved', (limit, used, next) => {
  expect(reachedLimit({ ...noUsage, ...used }, limits, next)).toMatchObject({ limit });
});

test('a call that just fits is allowed, and what is not limited is never reached', () => {
  const used = { ...noUsage, turns: 9, inputTokens: 900, costUsd: 0.75, wallMs: 59_999 };
  expect(reachedLimit(used, limits, { tokens: 100, costUsd: 0.25 })).toBeNull();
  const much = { ...noUsage, inputTokens: 1e12, costUsd: 1e6, wallMs: 1e12 };
  expect(reachedLimit(much, { maxSteps: 1, maxIterations: 0 }, { tokens: 1e12, costUsd: 1e6 })).toBeNull();
});

test('a limit is strained from 85 % on', () => {
  expect(strainedLimits({ ...noUsage, turns: 8, costUsd: 0.84 }, limits)).toEqual([]);
  expect(strainedLimits({ ...noUsage, turns: 9, inputTokens: 850, costUsd: 0.85, wallMs: 51_000 }, limits)).toEqual([
    'maxSteps',
    'maxTokens',
    'maxCostUsd',
    'maxWallMs',
  ]);
});

test('the wall time that is left is never zero, and without a limit it is endless', () => {
  expect(leftWallMs({ ...noUsage, wallMs: 50_000 }, limits)).toBe(10_000);
  expect(leftWallMs({ ...noUsage, wallMs: 70_000 }, limits)).toBe(1);
  expect(leftWallMs(noUsage, { maxSteps: 1, maxIterations: 0 })).toBe(Infinity);
});

test('a reached limit says what was used and what was needed', () => {
  expect(describeLimit({ limit: 'maxTokens', max: 1000, used: 900, reserved: 120.4 })).toBe(
    'maxTokens is 1000, 900 used, the next call may need 121',
  );
  expect(describeLimit({ limit: 'maxSteps', max: 10, used: 10, reserved: 1 })).toBe('maxSteps is 10, 10 used');
});
