import { randomUUID } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { type Client, WorkflowFailedError, WorkflowUpdateFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Activities } from '../../src/activities/index.ts';
import { HoldfastError } from '../../src/domain/failure.ts';
import type { SessionInput } from '../../src/workflows/input.ts';
import * as messages from '../../src/workflows/messages.ts';
import { startTemporal, workflowBundle, type TestTemporal } from '../support/temporal.ts';
import { sampleInput } from './sample-input.ts';
import { standInActivities } from './stand-in-activities.ts';

let temporal: TestTemporal;
let bundle: { readonly code: string };

beforeAll(async () => {
  [temporal, bundle] = await Promise.all([startTemporal(), workflowBundle()]);
});
afterAll(() => temporal.stop());

interface Running {
  readonly handle: WorkflowHandle;
  readonly announced: string[];
}

/** Runs a session with stand-in activities until the test's part and the session are over. */
async function withSession<T>(
  changes: Partial<SessionInput>,
  overrides: Partial<Activities>,
  part: (running: Running) => Promise<T>,
): Promise<T> {
  const { activities, announced } = standInActivities(overrides);
  const taskQueue = `test-${randomUUID()}`;
  const { nativeConnection: connection } = temporal.env;
  const often = { maxHeartbeatThrottleInterval: '100ms', defaultHeartbeatThrottleInterval: '100ms' };
  const worker = await Worker.create({ connection, taskQueue, workflowBundle: bundle, activities, ...often });
  return worker.runUntil(async () => {
    const client: Client = temporal.env.client;
    const workflowId = `session/${taskQueue}`;
    const handle = await client.workflow.start('session', { taskQueue, workflowId, args: [sampleInput(changes)] });
    const result = await part({ handle, announced });
    await handle.result().catch(() => undefined);
    return result;
  });
}

async function failureOf(promise: Promise<unknown>): Promise<{ type: unknown; message: string; details: unknown }> {
  const error = await promise.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  );
  const cause =
    error instanceof WorkflowFailedError || error instanceof WorkflowUpdateFailedError ? error.cause : error;
  if (!(cause instanceof ApplicationFailure)) throw error;
  return { type: cause.type, message: cause.message, details: cause.details?.[0] };
}

const until = (condition: () => boolean | Promise<boolean>) =>
  vi.waitUntil(condition, { timeout: 20_000, interval: 20 });
/** Works, as an activity, until it is cancelled. */
async function untilCancelled(): Promise<never> {
  const pump = setInterval(() => Context.current().heartbeat(), 100);
  return Context.current().cancelled.finally(() => clearInterval(pump));
}
const phaseOf = async (handle: WorkflowHandle) => (await handle.query(messages.viewQuery)).state;
const failing = (code: ConstructorParameters<typeof HoldfastError>[0]) => () => {
  const failure = new HoldfastError(code, `told to fail with ${code}`).toFailure();
  return Promise.reject(
    ApplicationFailure.create({ type: code, message: failure.message, nonRetryable: true, details: [failure] }),
  );
};

test.concurrent('an automatic session with nothing missing walks the diagram to COMPLETE and announces each stage', async () => {
  await withSession({}, {}, async ({ handle, announced }) => {
    expect(await handle.result()).toMatchObject({ phase: 'COMPLETE', delivered: { branch: 'feat/x' } });
    expect(announced).toEqual([
      'INIT/pending',
      'INIT/cloning',
      'CONTRACT_SYNTHESIS/analyzing',
      'PREFLIGHT/ready',
      'FROZEN/ready',
      'EXECUTING/coding',
      'EXECUTING/testing',
      'EXECUTING/committing',
      'COMPLETE/completed',
    ]);
  });
});

/** Missing until the input `color` is there. */
const asksForColor: Partial<Activities> = {
  checkPreflight: async ({ inputs }) => ({
    missing: inputs['color'] === undefined ? ['Which color?'] : [],
    awaited: { inputs: ['color'], answers: [] },
  }),
};

test.concurrent('step by step: preflight answers what is missing, execute is refused until it is supplied', async () => {
  await withSession({ auto: false }, asksForColor, async ({ handle }) => {
    expect(await failureOf(handle.executeUpdate(messages.executeUpdate, { args: [{}] }))).toMatchObject({
      type: 'PREFLIGHT_REQUIRED',
    });
    const first = await handle.executeUpdate(messages.supplyInfoUpdate, { args: [{ requestId: 'a' }] });
    expect(first).toMatchObject({ state: 'PREFLIGHT', stage: 'awaiting_input', missing: ['Which color?'] });
    expect(await failureOf(handle.executeUpdate(messages.executeUpdate, { args: [{ requestId: 'x' }] }))).toMatchObject(
      {
        type: 'PREFLIGHT_INCOMPLETE',
        details: { details: { missingInfo: ['Which color?'] } },
      },
    );
    const args = [{ requestId: 'b', inputs: { color: 'red' } }] as [messages.SupplyInfo];
    expect(await handle.executeUpdate(messages.supplyInfoUpdate, { args })).toMatchObject({
      missing: [],
      stage: 'ready',
    });
    const executed = await handle.executeUpdate(messages.executeUpdate, { args: [{ requestId: 'x' }] });
    expect(executed.digest).toMatch(/^sha256:/);
    expect(await handle.result()).toMatchObject({ phase: 'COMPLETE' });
  });
});

test.concurrent('signals do the same: an execute that comes too early is dropped, one after the answer counts', async () => {
  await withSession({ auto: false }, asksForColor, async ({ handle }) => {
    await handle.signal(messages.executeSignal, {});
    await handle.signal(messages.supplyInfoSignal, { requestId: 'a' });
    await until(async () => (await phaseOf(handle)) === 'PREFLIGHT');
    await handle.signal(messages.executeSignal, {});
    await handle.signal(messages.supplyInfoSignal, { requestId: 'b', inputs: { color: 'red' } });
    await handle.signal(messages.executeSignal, {});
    expect(await handle.result()).toMatchObject({ phase: 'COMPLETE' });
  });
});

test.concurrent('a malformed signal is dropped and the session goes on', async () => {
  await withSession({ auto: false }, asksForColor, async ({ handle }) => {
    await handle.signal('supplyInfo', 'nonsense');
    await handle.signal('supplyInfo', { inputs: { color: 7 } });
    await handle.signal('resume', { limits: { maxSteps: 'many' } });
    await handle.signal('resume', { limits: { maxStep: 7 } });
    await handle.signal('pause');
    await until(async () => (await phaseOf(handle)) === 'PAUSED');
    await handle.signal('resume');
    await handle.signal('supplyInfo', { inputs: { color: 'red' } });
    await handle.signal('execute');
    expect(await handle.result()).toMatchObject({ phase: 'COMPLETE' });
  });
});

test.concurrent('after the freeze an answer is refused with CONTRACT_FROZEN and a second execute with ALREADY_EXECUTING', async () => {
  let release = () => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  const runChunk: Activities['runChunk'] = async () => {
    await gate;
    return { outcome: 'submitted', turns: 1, tree: 'f'.repeat(40) };
  };
  await withSession({}, { runChunk }, async ({ handle }) => {
    await until(async () => (await phaseOf(handle)) === 'EXECUTING');
    const late = handle.executeUpdate(messages.supplyInfoUpdate, { args: [{ inputs: { color: 'red' } }] });
    expect(await failureOf(late)).toMatchObject({ type: 'CONTRACT_FROZEN' });
    expect(await failureOf(handle.executeUpdate(messages.executeUpdate, { args: [{}] }))).toMatchObject({
      type: 'ALREADY_EXECUTING',
    });
    release();
  });
});

test.concurrent('a message that is repeated with its requestId changes nothing and answers the view', async () => {
  const seen: unknown[] = [];
  const checkPreflight: Activities['checkPreflight'] = async ({ inputs }) => {
    seen.push(inputs);
    return { missing: ['more'], awaited: { inputs: ['a'], answers: [] } };
  };
  await withSession({ auto: false }, { checkPreflight }, async ({ handle }) => {
    const args: [messages.SupplyInfo] = [{ requestId: 'same', inputs: { a: '1' } }];
    await handle.executeUpdate(messages.supplyInfoUpdate, { args });
    expect(await handle.executeUpdate(messages.supplyInfoUpdate, { args })).toMatchObject({ missing: ['more'] });
    await handle.signal(messages.supplyInfoSignal, args[0]);
    expect(await handle.executeUpdate(messages.abortUpdate, { args: [{}] })).toMatchObject({ state: 'PREFLIGHT' });
    expect(seen).toEqual([{ a: '1' }]);
  });
});

test.concurrent('an automatic session that must not ask fails with MISSING_INFORMATION', async () => {
  await withSession({ onMissing: 'fail' }, asksForColor, async ({ handle }) => {
    expect(await failureOf(handle.result())).toMatchObject({
      type: 'MISSING_INFORMATION',
      message: 'Missing: Which color?',
    });
  });
});

test.concurrent('a preflight that nobody answers ends with PREFLIGHT_TIMEOUT', async () => {
  await withSession({ preflightTimeoutMs: 300 }, asksForColor, async ({ handle, announced }) => {
    expect(await failureOf(handle.result())).toMatchObject({ type: 'PREFLIGHT_TIMEOUT' });
    expect(announced.at(-1)).toBe('FAILED/failed');
  });
});

test.concurrent('a key that is refused pauses the session, and it goes on after resume', async () => {
  let calls = 0;
  const synthesizeContract = async () => {
    calls += 1;
    if (calls === 1) await failing('MODEL_AUTH_FAILED')();
  };
  await withSession({}, { synthesizeContract }, async ({ handle, announced }) => {
    await until(async () => (await phaseOf(handle)) === 'PAUSED');
    expect(await handle.query(messages.viewQuery)).toMatchObject({
      pause: { code: 'MODEL_AUTH_FAILED', remedy: expect.any(String) },
    });
    await handle.executeUpdate(messages.resumeUpdate, { args: [{}] });
    expect(await handle.result()).toMatchObject({ phase: 'COMPLETE' });
    expect(announced).toContain('PAUSED/paused');
  });
});

test.concurrent('an outage of the provider is waited out; when it lasts, the session pauses', async () => {
  let calls = 0;
  const runChunk: Activities['runChunk'] = async () => {
    calls += 1;
    if (calls !== 2 && calls < 6) await failing('MODEL_UNAVAILABLE')();
    return calls === 2 ? { outcome: 'more', turns: 1, tree: 'a' } : { outcome: 'submitted', turns: 2, tree: 'a' };
  };
  await withSession({}, { runChunk }, async ({ handle }) => {
    await until(async () => (await phaseOf(handle)) === 'PAUSED');
    expect(calls).toBe(5);
    await handle.signal(messages.resumeSignal, {});
    expect(await handle.result()).toMatchObject({ phase: 'COMPLETE' });
  });
});

test.concurrent('a store that fails pauses the session, which goes on by itself once it can be written again', async () => {
  let isFull = true;
  let probes = 0;
  let chunks = 0;
  const overrides: Partial<Activities> = {
    runChunk: async () => {
      chunks += 1;
      if (isFull) await failing('STORAGE_FAILED')();
      return { outcome: 'submitted', turns: 2, tree: 'a' };
    },
    checkStorage: async () => {
      probes += 1;
      if (probes === 1) throw new Error('still full');
      isFull = false;
    },
  };
  await withSession({}, overrides, async ({ handle, announced }) => {
    await until(async () => (await phaseOf(handle)) === 'PAUSED');
    expect(await handle.query(messages.viewQuery)).toMatchObject({ pause: { code: 'STORAGE_FAILED' } });
    expect(await handle.result()).toMatchObject({ phase: 'COMPLETE' });
    expect([chunks, probes]).toEqual([2, 2]);
    expect(announced.filter((line) => line === 'PAUSED/paused')).toHaveLength(1);
  });
});

test.concurrent('a store that can be written and fails all the same is not tried for ever, and resume still works', async () => {
  let fails = true;
  const overrides: Partial<Activities> = {
    runChunk: async () => {
      if (fails) await failing('STORAGE_FAILED')();
      return { outcome: 'submitted', turns: 2, tree: 'a' };
    },
  };
  await withSession({}, overrides, async ({ handle, announced }) => {
    await until(() => announced.filter((line) => line === 'PAUSED/paused').length === 4);
    fails = false;
    await handle.executeUpdate(messages.resumeUpdate, { args: [{}] });
    expect(await handle.result()).toMatchObject({ phase: 'COMPLETE' });
    expect(announced.filter((line) => line === 'PAUSED/paused')).toHaveLength(4);
  });
});

test.concurrent('whoever pauses a session that a failed store has paused already keeps it paused, until resume', async () => {
  let isFull = true;
  let asked = false;
  let cured = false;
  const overrides: Partial<Activities> = {
    runChunk: async () => {
      if (isFull) await failing('STORAGE_FAILED')();
      return { outcome: 'submitted', turns: 2, tree: 'a' };
    },
    checkStorage: async () => {
      asked = true;
      await until(() => !isFull);
      cured = true;
    },
  };
  await withSession({}, overrides, async ({ handle }) => {
    await until(() => asked);
    await handle.executeUpdate(messages.pauseUpdate, { args: [{}] });
    isFull = false;
    await until(() => cured);
    expect(await phaseOf(handle)).toBe('PAUSED');
    await handle.executeUpdate(messages.resumeUpdate, { args: [{}] });
    expect(await handle.result()).toMatchObject({ phase: 'COMPLETE' });
  });
});

test.concurrent('a reached limit pauses, and resuming with a higher one passes it on to the next chunk', async () => {
  const limits: unknown[] = [];
  const runChunk: Activities['runChunk'] = async (chunk) => {
    limits.push(chunk.limits.maxSteps);
    if (chunk.limits.maxSteps === 10) await failing('BUDGET_REACHED')();
    return { outcome: 'submitted', turns: 11, tree: 'a' };
  };
  await withSession({}, { runChunk }, async ({ handle }) => {
    await until(async () => (await phaseOf(handle)) === 'PAUSED');
    await handle.executeUpdate(messages.resumeUpdate, { args: [{ limits: { maxSteps: 20 } }] });
    expect(await handle.result()).toMatchObject({ phase: 'COMPLETE' });
    expect(limits).toEqual([10, 20]);
  });
});

test.concurrent('limits that are raised while a chunk runs count when it ends: the session does not pause', async () => {
  const limits: unknown[] = [];
  const runChunk: Activities['runChunk'] = async (chunk) => {
    limits.push(chunk.limits);
    if (limits.length > 1) return { outcome: 'submitted', turns: 11, tree: 'a' };
    await until(() => raised);
    await failing('BUDGET_REACHED')();
    throw new Error('unreachable');
  };
  let raised = false;
  await withSession({}, { runChunk }, async ({ handle, announced }) => {
    await until(() => limits.length === 1);
    await handle.executeUpdate(messages.resumeUpdate, { args: [{ limits: { maxTokens: 5000 } }] });
    raised = true;
    expect(await handle.result()).toMatchObject({ phase: 'COMPLETE' });
    expect(limits).toEqual([
      { maxSteps: 10, maxIterations: 2 },
      { maxSteps: 10, maxIterations: 2, maxTokens: 5000 },
    ]);
    expect(announced).not.toContain('PAUSED/paused');
  });
});

test.concurrent('a provider that asks for a wait gets it as a timer: no activity runs, and a pause ends the wait', async () => {
  let calls = 0;
  const runChunk: Activities['runChunk'] = async () => {
    calls += 1;
    if (calls > 2) return { outcome: 'submitted', turns: 1, tree: 'a' };
    const failure = new HoldfastError('MODEL_RATE_LIMITED', 'slow down').toFailure();
    const details = [failure, calls === 1 ? 1200 : 3_600_000];
    throw ApplicationFailure.create({ type: failure.code, message: 'slow down', nonRetryable: true, details });
  };
  await withSession({}, { runChunk }, async ({ handle }) => {
    await until(() => calls === 1);
    const told = performance.now();
    await until(async () => (await handle.describe()).raw.pendingActivities?.length === 0);
    await until(() => calls === 2);
    expect(performance.now() - told).toBeGreaterThan(1000);
    const waits = async (): Promise<number[]> => {
      const { events } = await handle.fetchHistory();
      const timers = (events ?? []).flatMap(({ timerStartedEventAttributes }) => timerStartedEventAttributes ?? []);
      return timers.map(({ startToFireTimeout }) => Number(startToFireTimeout?.seconds));
    };
    await until(async () => (await waits()).includes(3600));
    expect(await waits()).toContain(1);
    await handle.executeUpdate(messages.pauseUpdate, { args: [{}] });
    await until(async () => (await phaseOf(handle)) === 'PAUSED');
    await handle.signal(messages.resumeSignal, {});
    expect(await handle.result()).toMatchObject({ phase: 'COMPLETE' });
  });
});

test.concurrent('a pause that was asked for while the provider was about to ask for a long wait begins before that wait', async () => {
  let calls = 0;
  let release = () => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  const runChunk: Activities['runChunk'] = async () => {
    calls += 1;
    if (calls > 1) return { outcome: 'submitted', turns: 1, tree: 'a' };
    await gate;
    const failure = new HoldfastError('MODEL_RATE_LIMITED', 'slow down').toFailure();
    const details = [failure, 3_600_000];
    throw ApplicationFailure.create({ type: failure.code, message: 'slow down', nonRetryable: true, details });
  };
  await withSession({}, { runChunk }, async ({ handle }) => {
    await until(() => calls === 1);
    await handle.executeUpdate(messages.pauseUpdate, { args: [{}] });
    release();
    await until(async () => (await phaseOf(handle)) === 'PAUSED');
    await handle.signal(messages.resumeSignal, {});
    expect(await handle.result()).toMatchObject({ phase: 'COMPLETE' });
  });
});

test.concurrent('pause lets the running chunk come to its border, and resume goes on with the next one', async () => {
  let held = false;
  let chunks = 0;
  const overrides: Partial<Activities> = {
    holdSession: async ({ held: value }) => void (held = value),
    runChunk: async () => {
      chunks += 1;
      if (chunks > 1) return { outcome: 'submitted', turns: 2, tree: 'a' };
      await until(() => held);
      return { outcome: 'more', turns: 1, tree: 'a' };
    },
  };
  await withSession({}, overrides, async ({ handle }) => {
    await until(() => chunks === 1);
    await handle.executeUpdate(messages.pauseUpdate, { args: [{ reason: 'lunch' }] });
    await until(async () => (await phaseOf(handle)) === 'PAUSED');
    expect(await handle.query(messages.viewQuery)).toMatchObject({
      turns: 1,
      pause: { code: 'OPERATOR', message: 'lunch' },
    });
    await handle.executeUpdate(messages.resumeUpdate, { args: [{}] });
    expect(await handle.result()).toMatchObject({ phase: 'COMPLETE' });
    expect(held).toBe(false);
  });
});

test.concurrent('abort ends the session FAILED with ABORTED in every phase it can wait in', async () => {
  await withSession({ auto: false }, {}, async ({ handle, announced }) => {
    await handle.executeUpdate(messages.abortUpdate, { args: [{ reason: 'enough' }] });
    expect(await failureOf(handle.result())).toMatchObject({ type: 'ABORTED', message: 'enough' });
    expect(announced.at(-1)).toBe('FAILED/failed');
  });
  await withSession({ auto: false }, {}, async ({ handle }) => {
    await handle.signal(messages.pauseSignal, {});
    await until(async () => (await phaseOf(handle)) === 'PAUSED');
    await handle.signal(messages.abortSignal, {});
    expect(await failureOf(handle.result())).toMatchObject({ type: 'ABORTED' });
  });
});

test.concurrent('a workflow that is cancelled in Temporal ends like an aborted session, with its end announced', async () => {
  await withSession({ auto: false }, {}, async ({ handle, announced }) => {
    await until(async () => (await phaseOf(handle)) === 'INIT');
    await handle.cancel();
    expect(await failureOf(handle.result())).toMatchObject({ type: 'ABORTED' });
    expect(announced.at(-1)).toBe('FAILED/failed');
  });
});

test.concurrent('a change that is being announced while an abort comes is announced with its webhook all the same', async () => {
  const sent: string[] = [];
  let announcing = false;
  let release = () => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  const prefix = randomUUID();
  const overrides: Partial<Activities> = {
    announce: async ({ stage }) => {
      if (stage === 'coding') {
        announcing = true;
        await gate;
      }
      return { eventId: `${prefix}/${stage}` };
    },
    sendWebhook: async ({ eventId }) => void sent.push(eventId.slice(prefix.length + 1)),
  };
  await withSession({ webhook: { retries: 0, backoffMs: 10 } }, overrides, async ({ handle }) => {
    await until(() => announcing);
    await handle.executeUpdate(messages.abortUpdate, { args: [{}] });
    release();
    expect(await failureOf(handle.result())).toMatchObject({ type: 'ABORTED' });
    await until(() => sent.includes('failed'));
    expect(sent).toContain('coding');
  });
});

test.concurrent('a pause that comes while the agent hands in holds before the checks, and resume goes on with them', async () => {
  let held = false;
  let chunks = 0;
  let checks = 0;
  const overrides: Partial<Activities> = {
    holdSession: async ({ held: value }) => void (held = value),
    runChunk: async () => {
      chunks += 1;
      if (chunks === 1) await until(() => held);
      return { outcome: 'submitted', turns: 5, tree: 'a' };
    },
    verify: async () => {
      checks += 1;
      return { accepted: true, verified: true, summary: '', evidence: null };
    },
  };
  await withSession({}, overrides, async ({ handle }) => {
    await until(() => chunks === 1);
    await handle.executeUpdate(messages.pauseUpdate, { args: [{}] });
    await until(async () => (await phaseOf(handle)) === 'PAUSED');
    expect(checks).toBe(0);
    expect(await handle.query(messages.viewQuery)).toMatchObject({ turns: 5, pause: { code: 'OPERATOR' } });
    await handle.executeUpdate(messages.resumeUpdate, { args: [{}] });
    expect(await handle.result()).toMatchObject({ phase: 'COMPLETE' });
    expect([chunks, checks]).toEqual([2, 1]);
  });
});

test.concurrent('a pause during the checks breaks them off, and one during the delivery comes too late', async () => {
  const calls = { verify: 0, deliver: 0 };
  let release = () => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  const overrides: Partial<Activities> = {
    verify: async () => {
      calls.verify += 1;
      if (calls.verify === 1) await untilCancelled();
      return { accepted: true, verified: true, summary: '', evidence: null };
    },
    deliver: async () => {
      calls.deliver += 1;
      await gate;
      return { kind: 'patch', branch: null, commit: 'c', tree: 'a', verified: true };
    },
  };
  await withSession({}, overrides, async ({ handle }) => {
    await until(() => calls.verify === 1);
    await handle.executeUpdate(messages.pauseUpdate, { args: [{}] });
    await handle.executeUpdate(messages.pauseUpdate, { args: [{}] });
    await until(async () => (await phaseOf(handle)) === 'PAUSED');
    await handle.executeUpdate(messages.resumeUpdate, { args: [{}] });
    await until(() => calls.deliver === 1);
    await handle.executeUpdate(messages.pauseUpdate, { args: [{}] });
    release();
    expect(await handle.result()).toMatchObject({ phase: 'COMPLETE' });
    expect(calls).toEqual({ verify: 2, deliver: 1 });
  });
});

test.concurrent.each(['prepareSource', 'synthesizeContract'] as const)(
  'a pause during %s breaks it off, a second one changes nothing, and an abort ends what is paused',
  async (name) => {
    let calls = 0;
    const slow = async () => {
      calls += 1;
      await untilCancelled();
    };
    await withSession({}, { [name]: slow }, async ({ handle, announced }) => {
      await until(() => calls === 1);
      for (const _ of [1, 2]) await handle.executeUpdate(messages.pauseUpdate, { args: [{}] });
      await until(async () => (await phaseOf(handle)) === 'PAUSED');
      await handle.executeUpdate(messages.resumeUpdate, { args: [{}] });
      await until(() => calls === 2);
      await handle.executeUpdate(messages.pauseUpdate, { args: [{}] });
      await handle.executeUpdate(messages.abortUpdate, { args: [{ reason: 'enough' }] });
      expect(await failureOf(handle.result())).toMatchObject({ type: 'ABORTED', message: 'enough' });
      expect(announced.at(-1)).toBe('FAILED/failed');
    });
  },
);

test.concurrent('red evidence goes back to the agent up to maxIterations, then the session fails with CHECKS_FAILED', async () => {
  const feedback: unknown[] = [];
  const overrides: Partial<Activities> = {
    runChunk: async (chunk) => {
      feedback.push(chunk.feedback);
      return { outcome: 'submitted', turns: 1, tree: 'a' };
    },
    verify: async ({ iteration }) => ({
      accepted: false,
      verified: true,
      summary: 'still_failing: t',
      evidence: `blob${iteration}`,
    }),
  };
  await withSession({}, overrides, async ({ handle }) => {
    expect(await failureOf(handle.result())).toMatchObject({ type: 'CHECKS_FAILED' });
    expect(feedback).toEqual([null, { ordinal: 1, blob: 'blob0' }, { ordinal: 2, blob: 'blob1' }]);
  });
});

test.concurrent('a failure that nobody can cure ends the session with its code', async () => {
  await withSession({}, { runChunk: failing('INTERACTION_ATTEMPTED') }, async ({ handle, announced }) => {
    expect(await failureOf(handle.result())).toMatchObject({ type: 'INTERACTION_ATTEMPTED' });
    expect(announced.at(-1)).toBe('FAILED/failed');
  });
});

test.concurrent('a long history continues as new between two chunks and loses nothing', async () => {
  let chunks = 0;
  const turns: number[] = [];
  const overrides: Partial<Activities> = {
    runChunk: async ({ chunk }) => {
      turns.push(chunk);
      chunks += 1;
      return { outcome: chunks < 30 ? 'more' : 'submitted', turns: chunks, tree: 'a' };
    },
  };
  await withSession({ maxHistoryEvents: 100 }, overrides, async ({ handle, announced }) => {
    expect(await handle.result()).toMatchObject({ phase: 'COMPLETE' });
    expect(turns).toEqual(Array.from({ length: 30 }, (_, index) => index));
    const { historyLength } = await handle.describe();
    expect(historyLength).toBeLessThan(150);
    expect(announced.filter((line) => line === 'EXECUTING/coding')).toHaveLength(1);
  });
});
