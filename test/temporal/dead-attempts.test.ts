import { randomUUID } from 'node:crypto';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { handBackDeadAttempts } from '../../src/temporal/dead-attempts.ts';
import { until } from '../support/holdfast.ts';
import { startTemporal, workflowBundle, type TestTemporal } from '../support/temporal.ts';

let temporal: TestTemporal;

beforeAll(async () => {
  temporal = await startTemporal();
});
afterAll(() => temporal.stop());

test('what a dead worker held is tried again at once, and what a living one holds stays with it', async () => {
  const { client, nativeConnection: connection } = temporal.env;
  const taskQueue = randomUUID();
  const lost = Promise.withResolvers<void>();
  let attempts = 0;
  // The first attempt stands for a worker that died: its answer never comes, and no heartbeat is missed for two minutes.
  const sendWebhook = async () => void (++attempts === 1 && (await lost.promise));
  const worker = await Worker.create({
    connection,
    taskQueue,
    identity: 'one',
    workflowBundle: await workflowBundle(),
    activities: { sendWebhook },
  });
  await worker.runUntil(async () => {
    const workflowId = `webhook/${taskQueue}`;
    const args = [{ eventId: 'evt_1', retries: 3, backoffMs: 60_000 }];
    const handle = await client.workflow.start('webhookDelivery', { taskQueue, workflowId, args });
    await until(() => attempts === 1);
    const handBack = (isDead: (identity: string) => boolean) =>
      handBackDeadAttempts(client, [workflowId, 'webhook/unknown'], isDead);
    expect(await handBack(() => false)).toBe(0);
    expect(attempts).toBe(1);
    expect(await handBack((identity) => identity === 'one')).toBe(1);
    expect(await handle.result()).toBe('delivered');
    expect(attempts).toBe(2);
    expect(await handBack(() => true)).toBe(0);
    lost.resolve();
  });
});
