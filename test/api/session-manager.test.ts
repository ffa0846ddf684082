import { randomUUID } from 'node:crypto';
import { Worker } from '@temporalio/worker';
import { expect, onTestFinished, test } from 'vitest';
import { SessionManager } from '../../src/api/session-manager.ts';
import { openStore } from '../../src/store/store.ts';
import { sampleSession, sampleTask } from '../support/sample-task.ts';
import { startTemporal, workflowBundle } from '../support/temporal.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { standInActivities } from '../workflows/stand-in-activities.ts';

test('a refused execution is no outcome: the same request is granted once the answer is there', async () => {
  const bundle = await workflowBundle();
  const temporal = await startTemporal();
  onTestFinished(() => temporal.stop());
  const store = openStore({ directory: temporaryDirectory() });
  onTestFinished(() => store.close());
  const taskQueue = `test-${randomUUID()}`;
  const { client, nativeConnection: connection } = temporal.env;
  const { activities } = standInActivities({
    checkPreflight: async ({ answers }) => ({
      missing: answers['q1'] === undefined ? ['Which one?'] : [],
      awaited: { inputs: [], answers: ['q1'] },
    }),
  });
  const worker = await Worker.create({ connection, taskQueue, workflowBundle: bundle, activities });
  const patience = { tries: 1, backoffMs: 10 };
  const defaults = { taskQueue, patience, webhook: { retries: 0, backoffMs: 10 }, maxHistoryEvents: 4000 };
  const sessions = new SessionManager({ client, store, defaults });
  await store.sessions.create(sampleSession('ses_again', { task: sampleTask({ auto: false }) }));
  const session = await store.sessions.get('ses_again');

  await worker.runUntil(async () => {
    await sessions.supplyInfo(session, {}, 20_000);
    const refused = { code: 'PREFLIGHT_INCOMPLETE', details: { missingInfo: ['Which one?'] } };
    for (const _ of [1, 2]) await expect(sessions.execute(session, { requestId: 'e1' })).rejects.toMatchObject(refused);
    await sessions.supplyInfo(session, { answers: { q1: 'this' } }, 20_000);
    expect(await sessions.execute(session, { requestId: 'e1' })).toMatchObject({ kind: 'answered' });
    expect(await client.workflow.getHandle('session/ses_again').result()).toMatchObject({ phase: 'COMPLETE' });
  });
}, 60_000);
