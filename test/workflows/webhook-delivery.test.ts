import { randomUUID } from 'node:crypto';
import { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/holdfast.ts';
import { startTemporal, workflowBundle, type TestTemporal } from '../support/temporal.ts';

let temporal: TestTemporal;

beforeAll(async () => {
  temporal = await startTemporal();
});
afterAll(() => temporal.stop());

test('an attempt that was handed to a worker which never answers is soon made again, and the webhook arrives', async () => {
  const { client, connection, nativeConnection } = temporal.env;
  const taskQueue = randomUUID();
  const activities = { sendWebhook: async () => undefined };
  // Stands for a worker that was stopped while it asked for work: Temporal's answer reaches nobody.
  const stopped = connection.withDeadline(Date.now() + 30_000, () =>
    connection.workflowService.pollActivityTaskQueue({
      namespace: 'default',
      taskQueue: { name: taskQueue },
      identity: 'stopped',
    }),
  );
  const worker = await Worker.create({
    connection: nativeConnection,
    taskQueue,
    workflowBundle: await workflowBundle(),
  });
  const handle = await worker.runUntil(async () => {
    const workflowId = `webhook/${taskQueue}`;
    const args = [{ eventId: 'evt_1', retries: 3, backoffMs: 10 }];
    const started = await client.workflow.start('webhookDelivery', { taskQueue, workflowId, args });
    expect((await stopped).activityType?.name).toBe('sendWebhook');
    return started;
  });
  const next = await Worker.create({
    connection: nativeConnection,
    taskQueue,
    workflowBundle: await workflowBundle(),
    activities,
  });
  await next.runUntil(async () => {
    const pending = async () => (await handle.describe()).raw.pendingActivities?.[0]?.attempt;
    expect(await pending()).toBe(1);
    await until(async () => (await pending()) !== 1, 30_000);
    expect(await handle.result()).toBe('delivered');
  });
});
