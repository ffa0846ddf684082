import { ActivityNotFoundError, type Client, WorkflowNotFoundError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';

/**
 * Hands back what dead workers held: fails their attempts, so that Temporal schedules the next ones at once instead of
 * after the heartbeat timeout. A wrong guess does no harm: every attempt is fenced by its epoch.
 * @returns how many attempts were handed back.
 */
export async function handBackDeadAttempts(
  client: Client,
  workflowIds: readonly string[],
  isDead: (identity: string) => boolean,
): Promise<number> {
  const counts = await Promise.all(workflowIds.map((workflowId) => handBack(client, workflowId, isDead)));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function handBack(client: Client, workflowId: string, isDead: (identity: string) => boolean): Promise<number> {
  let count = 0;
  for (const { activityId, lastWorkerIdentity } of await pendingActivities(client, workflowId)) {
    if (!activityId || !lastWorkerIdentity || !isDead(lastWorkerIdentity)) continue;
    const failure = ApplicationFailure.create({
      message: 'The worker died.',
      type: 'WORKER_DIED',
      nextRetryDelay: '1ms',
    });
    try {
      await client.activity.fail({ workflowId, activityId }, failure);
      count += 1;
    } catch (error) {
      if (!(error instanceof ActivityNotFoundError)) throw error; // It is waiting for its next attempt already.
    }
  }
  return count;
}

async function pendingActivities(client: Client, workflowId: string) {
  try {
    return (await client.workflow.getHandle(workflowId).describe()).raw.pendingActivities ?? [];
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return [];
    throw error;
  }
}
