import { randomUUID } from 'node:crypto';
import { WorkflowFailedError, WorkflowUpdateFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Activities } from '../../src/activities/index.ts';
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

type Checked = Parameters<Activities['checkPreflight']>[0];
type Frozen = Parameters<Activities['freezeSnapshot']>[0];

/** The digest of the contract that the stand-in of the preflight finds: another one for each change. */
const digestAfter = ({ edits = [], waivers = [], inputs }: Checked) =>
  `sha256:${`${edits.length}${waivers.length}${Object.keys(inputs).length}`.padEnd(64, '0')}`;

/** Runs a session whose contract must be approved. */
async function gated(
  changes: Partial<SessionInput>,
  part: (running: { handle: WorkflowHandle; announced: string[]; frozen: Frozen[] }) => Promise<void>,
): Promise<void> {
  const frozen: Frozen[] = [];
  const { activities, announced } = standInActivities({
    checkPreflight: async (supplied) => ({
      missing: [],
      awaited: { inputs: [], answers: [] },
      contract: digestAfter(supplied),
      brief: 'Goal: `to be approved`',
    }),
    freezeSnapshot: async (agreed) => {
      frozen.push(agreed);
      return { digest: `sha256:${'d'.repeat(64)}`, createdAt: 1, filesFrozen: 0, toolsWhitelisted: [] };
    },
  });
  const taskQueue = `test-${randomUUID()}`;
  const { client, nativeConnection: connection } = temporal.env;
  const worker = await Worker.create({ connection, taskQueue, workflowBundle: bundle, activities });
  await worker.runUntil(async () => {
    const args = [sampleInput({ requireApproval: true, ...changes })];
    const handle = await client.workflow.start('session', { taskQueue, workflowId: `session/${taskQueue}`, args });
    await part({ handle, announced, frozen });
    await handle.result().catch(() => undefined);
  });
}

const stage = async (handle: WorkflowHandle, wanted: string): Promise<void> => {
  const reached = async () => (await handle.query(messages.viewQuery)).stage === wanted;
  await vi.waitUntil(reached, { timeout: 20_000, interval: 20 });
};

async function refusalOf(promise: Promise<unknown>): Promise<unknown> {
  const error = await promise.then(
    () => new Error('it was not refused'),
    (reason: unknown) => reason,
  );
  const cause =
    error instanceof WorkflowUpdateFailedError || error instanceof WorkflowFailedError ? error.cause : error;
  if (cause instanceof ApplicationFailure) return cause.type;
  throw error;
}

test.concurrent('an automatic session waits for the approval, shows what to approve, and freezes exactly that', async () => {
  await gated({}, async ({ handle, announced, frozen }) => {
    await stage(handle, 'awaiting_approval');
    const { contract } = await handle.query(messages.viewQuery);
    const details = await handle.query('__temporal_workflow_metadata');
    expect(JSON.stringify(details)).toContain('to be approved');
    expect(JSON.stringify(details)).toContain('--name approve');
    expect(frozen).toEqual([]);
    await handle.executeUpdate(messages.approveUpdate, { args: [{ contract: contract ?? '', by: 'Ada' }] });
    expect(await handle.result()).toMatchObject({ phase: 'COMPLETE' });
    expect(frozen).toMatchObject([{ approval: { contract, by: 'Ada', at: expect.any(Number) } }]);
    expect(announced.indexOf('FROZEN/ready')).toBeGreaterThan(announced.indexOf('PREFLIGHT/awaiting_approval'));
    expect(announced).toContain('PREFLIGHT/awaiting_approval');
  });
});

test.concurrent('step by step: execute is refused until a person has approved, by a signal just as well', async () => {
  await gated({ auto: false }, async ({ handle, frozen }) => {
    await handle.executeUpdate(messages.supplyInfoUpdate, { args: [{}] });
    expect(await refusalOf(handle.executeUpdate(messages.executeUpdate, { args: [{}] }))).toBe('APPROVAL_REQUIRED');
    await handle.signal(messages.approveSignal, {});
    await stage(handle, 'ready');
    await handle.executeUpdate(messages.executeUpdate, { args: [{}] });
    expect(await handle.result()).toMatchObject({ phase: 'COMPLETE' });
    expect(frozen).toMatchObject([{ approval: { by: 'somebody who gave no name' } }]);
  });
});

test.concurrent('an approval is void as soon as the contract is another one, and one of another contract is refused', async () => {
  await gated({ auto: false }, async ({ handle, frozen }) => {
    const { contract: first } = await handle.executeUpdate(messages.supplyInfoUpdate, { args: [{}] });
    await handle.executeUpdate(messages.approveUpdate, { args: [{}] });
    await stage(handle, 'ready');
    const edit = `sha256:${'e'.repeat(64)}`;
    const changed = await handle.executeUpdate(messages.supplyInfoUpdate, { args: [{ edit }] });
    expect(changed).toMatchObject({ stage: 'awaiting_approval' });
    expect(changed.contract).not.toBe(first);
    expect(await refusalOf(handle.executeUpdate(messages.executeUpdate, { args: [{}] }))).toBe('APPROVAL_REQUIRED');
    const stale = handle.executeUpdate(messages.approveUpdate, { args: [{ contract: first ?? '' }] });
    expect(await refusalOf(stale)).toBe('CONTRACT_CHANGED');
    await handle.executeUpdate(messages.approveUpdate, { args: [{ contract: changed.contract ?? '' }] });
    await handle.executeUpdate(messages.executeUpdate, { args: [{}] });
    await handle.result();
    expect(frozen).toMatchObject([{ edits: [edit], approval: { contract: changed.contract } }]);
  });
});

test.concurrent('waivers reach the checks and the freeze with who and when; malformed ones are refused', async () => {
  await gated({ auto: false, requireApproval: false }, async ({ handle, frozen }) => {
    const bad = handle.executeUpdate(messages.supplyInfoUpdate, { args: [{ waive: [{ kind: 'file' }] as never }] });
    expect(await refusalOf(bad)).toBe('INVALID_REQUEST');
    const waive = [{ kind: 'file', name: 'docs/**', reason: 'written later' }] as const;
    await handle.executeUpdate(messages.supplyInfoUpdate, { args: [{ waive, by: 'Ada' }] });
    await handle.executeUpdate(messages.executeUpdate, { args: [{}] });
    await handle.result();
    expect(frozen).toMatchObject([{ waivers: [{ ...waive[0], by: 'Ada', at: expect.any(Number) }] }]);
    expect(frozen[0]).not.toHaveProperty('approval');
  });
});

test.concurrent('a contract that nobody approves in time ends the session with PREFLIGHT_TIMEOUT', async () => {
  await gated({ preflightTimeoutMs: 300 }, async ({ handle }) => {
    expect(await refusalOf(handle.result())).toBe('PREFLIGHT_TIMEOUT');
  });
});

test.concurrent('nothing can be approved before there is a checked contract', async () => {
  await gated({ auto: false }, async ({ handle }) => {
    expect(await refusalOf(handle.executeUpdate(messages.approveUpdate, { args: [{}] }))).toBe('PREFLIGHT_REQUIRED');
    await handle.signal(messages.abortSignal, {});
  });
});
