import { isGrpcServiceError } from '@temporalio/client';
import { lazyConnection } from './connection.ts';

/** A month; the dev server's own choice is one day, after which nobody can look up what a session did. */
const RETENTION_SECONDS = 30 * 24 * 60 * 60;
const ANSWER_MS = 2000;

/**
 * Has the embedded server keep the histories of ended workflows for a month.
 * @returns false when the server does not answer for the namespace (yet): its port is open before that.
 */
export async function keepHistories(address: string, namespace: string): Promise<boolean> {
  const connection = lazyConnection({ address });
  try {
    await connection.withDeadline(Date.now() + ANSWER_MS, async () => {
      const { config } = await connection.workflowService.describeNamespace({ namespace });
      const kept = config?.workflowExecutionRetentionTtl?.seconds;
      if (!kept || kept.gte(RETENTION_SECONDS)) return;
      const workflowExecutionRetentionTtl = { seconds: kept.add(RETENTION_SECONDS - kept.toNumber()) };
      await connection.workflowService.updateNamespace({ namespace, config: { workflowExecutionRetentionTtl } });
    });
    return true;
  } catch (error) {
    if (isGrpcServiceError(error)) return false;
    throw error;
  } finally {
    await connection.close();
  }
}
