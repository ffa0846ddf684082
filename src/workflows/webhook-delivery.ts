import { isCancellation, proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import { MOMENTS } from './activity-options.ts';

/** One webhook to be delivered; its body and URL are in the records. */
export interface WebhookDeliveryInput {
  readonly eventId: string;
  /** Tries after the first one. */
  readonly retries: number;
  /** Wait before the first retry in milliseconds; doubles each time. */
  readonly backoffMs: number;
}

/**
 * Delivers one webhook, apart from its session: a dead endpoint never holds anybody.
 * The same bytes are sent each time; after the last try the delivery is kept as dead.
 */
export async function webhookDelivery({
  eventId,
  retries,
  backoffMs,
}: WebhookDeliveryInput): Promise<'delivered' | 'dead'> {
  const { sendWebhook } = proxyActivities<Activities>({
    startToCloseTimeout: '2m',
    heartbeatTimeout: MOMENTS,
    retry: { maximumAttempts: retries + 1, initialInterval: backoffMs, backoffCoefficient: 2, maximumInterval: '1h' },
  });
  const { buryWebhook } = proxyActivities<Activities>({ startToCloseTimeout: '1m', heartbeatTimeout: MOMENTS });
  try {
    await sendWebhook({ eventId });
    return 'delivered';
  } catch (error) {
    if (isCancellation(error)) throw error;
    await buryWebhook({ eventId });
    return 'dead';
  }
}
