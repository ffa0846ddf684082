import { expect, test } from 'vitest';
import { HoldfastError, type FailureCode } from '../../src/domain/failure.ts';
import { showPause } from '../../src/domain/pause.ts';

test.each([
  ['BUDGET_REACHED', 'budget_reached'],
  ['STORAGE_FAILED', 'storage'],
  ['MODEL_KEY_MISSING', 'credentials'],
  ['REPOSITORY_AUTH_FAILED', 'credentials'],
  ['MODEL_UNAVAILABLE', 'provider'],
  ['MODEL_RATE_LIMITED', 'provider'],
  ['SANDBOX_UNAVAILABLE', 'other'],
] satisfies [FailureCode, string][])('a session that is paused by %s waits for: %s', (code, reason) => {
  const pause = new HoldfastError(code, 'm').toFailure();
  expect(showPause(pause)).toEqual({ ...pause, reason });
});

test('one that an operator has paused says so', () => {
  expect(showPause({ code: 'OPERATOR', message: 'lunch', remedy: 'r' })).toMatchObject({ reason: 'operator' });
});
