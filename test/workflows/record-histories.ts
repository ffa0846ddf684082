/**
 * `npm run histories`: records the golden histories that are not there yet, one for each way through the diagram. They are replayed by
 * a test, which tells when a change of the workflow would break sessions that are running: so one that is there stays as it is.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import type { Activities } from '../../src/activities/index.ts';
import { HoldfastError } from '../../src/domain/failure.ts';
import type { SessionInput } from '../../src/workflows/input.ts';
import * as messages from '../../src/workflows/messages.ts';
import { startTemporal, workflowBundle } from '../support/temporal.ts';
import { sampleInput } from './sample-input.ts';
import { standInActivities } from './stand-in-activities.ts';

interface Way {
  readonly input?: Partial<SessionInput>;
  readonly activities?: Partial<Activities>;
  /** What is told to the session while it runs. */
  readonly talk?: (handle: WorkflowHandle) => Promise<void>;
}

const asks: Partial<Activities> = {
  checkPreflight: async ({ inputs }) => ({
    missing: inputs['color'] === undefined ? ['Which color?'] : [],
    awaited: { inputs: ['color'], answers: [] },
  }),
};

const stage = async (handle: WorkflowHandle, wanted: string): Promise<void> => {
  while ((await handle.query(messages.viewQuery)).stage !== wanted) await sleep(20);
};

const phase = async (handle: WorkflowHandle, wanted: string): Promise<void> => {
  while ((await handle.query(messages.viewQuery)).state !== wanted) await sleep(20);
};

let held = false;
let raised = false;

/** Red for the first two rounds. */
const verify: Activities['verify'] = async ({ iteration }) => {
  const accepted = iteration >= 2;
  return { accepted, verified: true, summary: 'a check', evidence: accepted ? null : `blob${iteration}` };
};

/** What a fork runs into whose token was removed with its parent: it is asked for before a model is paid. */
function refusedOnce(): Activities['synthesizeContract'] {
  let calls = 0;
  return async () => {
    calls += 1;
    if (calls > 1) return;
    const { message, code: type } = new HoldfastError('REPOSITORY_AUTH_FAILED', 'The token is missing.');
    throw ApplicationFailure.create({ message, type, nonRetryable: true });
  };
}

/** Fails once, and is asked twice whether it can be written again. */
function failingStore(): Partial<Activities> {
  let chunks = 0;
  let probes = 0;
  return {
    runChunk: async () => {
      chunks += 1;
      if (chunks === 1) throw ApplicationFailure.nonRetryable('full', 'STORAGE_FAILED');
      return { outcome: 'submitted', turns: 1, tree: 'f'.repeat(40) };
    },
    checkStorage: async () => {
      probes += 1;
      if (probes === 1) throw new Error('still full');
    },
  };
}

const ways: Readonly<Record<string, Way>> = {
  happy: {},
  webhooks: {
    input: { webhook: { retries: 1, backoffMs: 10 } },
    activities: { announce: async ({ rev }) => ({ eventId: `evt_golden_${rev}` }) },
  },
  answers: {
    input: { auto: false },
    activities: asks,
    talk: async (handle) => {
      await handle.executeUpdate(messages.supplyInfoUpdate, { args: [{ requestId: 'a' }] });
      await handle.executeUpdate(messages.executeUpdate, { args: [{ requestId: 'b' }] }).catch(() => undefined);
      await handle.signal(messages.supplyInfoSignal, { requestId: 'c', inputs: { color: 'red' } });
      await handle.signal(messages.executeSignal, { requestId: 'd' });
    },
  },
  repairs: { activities: { verify } },
  pause: {
    input: { auto: false },
    talk: async (handle) => {
      await handle.signal(messages.pauseSignal, { reason: 'lunch' });
      await phase(handle, 'PAUSED');
      await handle.signal(messages.resumeSignal, {});
      await handle.executeUpdate(messages.supplyInfoUpdate, { args: [{}] });
      await handle.executeUpdate(messages.executeUpdate, { args: [{}] });
    },
  },
  fork: {
    activities: { synthesizeContract: refusedOnce() },
    talk: async (handle) => {
      await phase(handle, 'PAUSED');
      await handle.signal(messages.resumeSignal, {});
    },
  },
  'pause-at-the-end': {
    activities: {
      runChunk: async ({ chunk }) => {
        while (chunk === 0 && !held) await sleep(20);
        return { outcome: 'submitted', turns: 3, tree: 'f'.repeat(40) };
      },
      holdSession: async (hold) => void (held = hold.held),
    },
    talk: async (handle) => {
      await phase(handle, 'EXECUTING');
      await handle.signal(messages.pauseSignal, {});
      await phase(handle, 'PAUSED');
      await handle.signal(messages.resumeSignal, {});
    },
  },
  raised: {
    activities: {
      runChunk: async ({ limits }) => {
        if (limits.maxTokens !== undefined) return { outcome: 'submitted', turns: 3, tree: 'f'.repeat(40) };
        while (!raised) await sleep(20);
        const { message, code: type } = new HoldfastError('BUDGET_REACHED', 'The budget is used up.');
        throw ApplicationFailure.create({ message, type, nonRetryable: true });
      },
    },
    talk: async (handle) => {
      await phase(handle, 'EXECUTING');
      await handle.executeUpdate(messages.resumeUpdate, { args: [{ limits: { maxTokens: 5000 } }] });
      raised = true;
    },
  },
  storage: { activities: failingStore() },
  continued: {
    input: { maxHistoryEvents: 60, webhook: { retries: 1, backoffMs: 10 } },
    activities: {
      announce: async ({ rev }) => ({ eventId: `evt_golden_${rev}` }),
      runChunk: async ({ chunk }) => ({
        outcome: chunk < 3 ? 'more' : 'submitted',
        turns: chunk + 1,
        tree: 'f'.repeat(40),
      }),
    },
  },
  approval: {
    input: { requireApproval: true },
    activities: {
      checkPreflight: async ({ waivers = [] }) => ({
        missing: [],
        awaited: { inputs: [], answers: [] },
        contract: `sha256:${String(waivers.length).repeat(64)}`,
        brief: 'Goal: `to be approved`',
      }),
    },
    talk: async (handle) => {
      await stage(handle, 'awaiting_approval');
      const waive = [{ kind: 'file', name: 'docs/**', reason: 'written later' }] as const;
      const { contract } = await handle.executeUpdate(messages.supplyInfoUpdate, { args: [{ waive, by: 'Ada' }] });
      await handle.executeUpdate(messages.approveUpdate, { args: [{ contract: contract ?? '', by: 'Ada' }] });
    },
  },
  abort: { input: { auto: false }, talk: (handle) => handle.signal(messages.abortSignal, { reason: 'enough' }) },
};

const directory = join(import.meta.dirname, 'histories');
mkdirSync(directory, { recursive: true });
const [temporal, bundle] = await Promise.all([startTemporal(), workflowBundle()]);
for (const [name, way] of Object.entries(ways)) {
  const file = join(directory, `${name}.json`);
  if (existsSync(file)) continue;
  const runs = await record(name, way);
  for (const [index, run] of runs.entries())
    writeFileSync(index === 0 ? file : join(directory, `${name}-${index + 1}.json`), run);
}
await temporal.stop();
process.exit(0);

/** The history of each run, for one that gets long continues as a new one. */
async function record(name: string, { input, activities = {}, talk }: Way): Promise<string[]> {
  const { client, nativeConnection: connection } = temporal.env;
  const stand = standInActivities(activities).activities;
  const worker = await Worker.create({ connection, taskQueue: name, workflowBundle: bundle, activities: stand });
  return worker.runUntil(async () => {
    const handle = await client.workflow.start('session', {
      taskQueue: name,
      workflowId: `session/golden-${name}`,
      args: [sampleInput(input)],
    });
    await talk?.(handle);
    await handle.result().catch(() => undefined);
    const runs: string[] = [];
    let next: string | null | undefined = handle.firstExecutionRunId;
    while (next) {
      const history = await client.workflow.getHandle(handle.workflowId, next).fetchHistory();
      runs.push(withoutMachine(historyToJSON(history)));
      next = history.events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
    }
    return runs;
  });
}

/** A history without what is of this machine: stack traces with their paths, and the names of processes. */
function withoutMachine(json: string): string {
  const dropped = new Set(['stackTrace', 'identity', 'workerIdentity']);
  const history = JSON.parse(json, (key, value: unknown) => (dropped.has(key) ? undefined : value)) as object;
  return `${JSON.stringify(history, null, 1)}\n`;
}
