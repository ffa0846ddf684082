import type { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test } from 'vitest';
import { createActivities, type ActivityDependencies } from '../../src/activities/index.ts';
import { KnownSecrets } from '../../src/redaction/known-secrets.ts';
import { HoldfastError, type FailureCode } from '../../src/domain/failure.ts';

const result = { sessionId: 'ses_a', tree: 't', verified: true, iteration: 0 };

/** Runs an activity that fails as the attempt of this number, after so many failures; answers how it fails and what it hands on. */
async function run(
  name: 'deliver' | 'verify' | 'cleanUp',
  code: FailureCode,
  attempt: number,
  heartbeatDetails?: number,
) {
  const fail = () => Promise.reject(new HoldfastError(code, 'no'));
  const execution = { deliver: fail, verify: fail, cleanUp: fail };
  const sources = { withFiles: (_id: string, _signal: AbortSignal, work: () => Promise<unknown>) => work() };
  const activities = createActivities({
    execution,
    sources,
    store: { secrets: { learn: async () => undefined }, known: new KnownSecrets() },
    untilAnswering: async () => undefined,
  } as unknown as ActivityDependencies);
  const env = new MockActivityEnvironment({ attempt, heartbeatDetails });
  const handedOn: unknown[] = [];
  env.on('heartbeat', (details: unknown) => handedOn.push(details));
  const failure = await env
    .run(activities[name] as (input: typeof result) => Promise<unknown>, result)
    .catch((error: unknown) => error as ApplicationFailure);
  return { final: (failure as ApplicationFailure).nonRetryable, handedOn };
}

test('three failures against a remote are the end, however many attempts died with their workers before', async () => {
  expect(await run('deliver', 'REPOSITORY_UNREACHABLE', 1)).toEqual({ final: false, handedOn: [1] });
  expect(await run('deliver', 'REPOSITORY_UNREACHABLE', 15, 1)).toEqual({ final: false, handedOn: [2] });
  expect(await run('deliver', 'REPOSITORY_UNREACHABLE', 3, 2)).toEqual({ final: true, handedOn: [3] });
});

test('what cannot be tried again is the end at once', async () => {
  expect(await run('deliver', 'REMOTE_DIVERGED', 1)).toEqual({ final: true, handedOn: [1] });
});

test('trouble with the store is shown sooner than other trouble of our own, and what must succeed is tried for ever', async () => {
  expect((await run('verify', 'STORAGE_FAILED', 5, 2)).final).toBe(false);
  expect((await run('verify', 'STORAGE_FAILED', 5, 3)).final).toBe(true);
  expect((await run('verify', 'INTERNAL', 9, 8)).final).toBe(false);
  expect((await run('verify', 'INTERNAL', 9, 9)).final).toBe(true);
  expect((await run('verify', 'STALE_ATTEMPT', 99, 98)).final).toBe(false);
  expect((await run('cleanUp', 'STORAGE_FAILED', 99, 98)).final).toBe(false);
});
