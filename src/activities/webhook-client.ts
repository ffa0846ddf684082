import { createHmac } from 'node:crypto';
import { Agent, request } from 'undici';
import { HoldfastError } from '../domain/failure.ts';
import { retryAfterMs } from '../domain/retry-after.ts';
import { faultPoint } from '../fault-point.ts';
import type { Store } from '../store/store.ts';
import { guardedConnector } from '../outbound/guarded-connector.ts';

/** How webhooks are sent. */
export interface WebhookOptions {
  /** Lets webhooks go to loopback and private networks. */
  readonly allowPrivate: boolean;
  /** Networks that they may go to in any case. */
  readonly networks?: readonly string[];
  readonly timeoutMs: number;
}

/** Sends webhooks as Standard Webhooks 1.0 asks: signed, with one id over all attempts, no redirects, a bounded wait. */
export class WebhookClient {
  readonly #store: Store;
  readonly #timeoutMs: number;
  readonly #agent: Agent;

  constructor(store: Store, options: WebhookOptions) {
    this.#store = store;
    this.#timeoutMs = options.timeoutMs;
    this.#agent = new Agent({
      connect: guardedConnector(options),
    });
  }

  /**
   * Sends the recorded body of an event once and records how that went. Delivered once is delivered: then nothing is sent.
   * @throws HoldfastError WEBHOOK_FAILED for anything but a 2xx answer, with `retryAfterMs` when the endpoint asked for a wait.
   */
  async send(eventId: string): Promise<void> {
    const delivery = await this.#store.deliveries.find(eventId);
    if (delivery === undefined || delivery.state === 'delivered') return; // Deleted with its session, or recorded by an attempt that died.
    const secret = await this.#store.secrets.get(delivery.sessionId, 'webhook.secret');
    if (secret === undefined) return; // Deleted just now. Nothing is sent that its receiver could not trust.
    await faultPoint('before:webhook-sent', delivery.sessionId);
    const outcome = await this.#post(delivery.url, signedHeaders(eventId, delivery.body, secret), delivery.body);
    await faultPoint('after:webhook-sent', delivery.sessionId);
    const delivered = outcome.status !== null && outcome.status >= 200 && outcome.status < 300;
    const said = delivered ? null : (outcome.error ?? `answered ${outcome.status}`);
    const error = this.#store.known.of(delivery.sessionId).json(said);
    await faultPoint('before:webhook-recorded', delivery.sessionId);
    await this.#store.deliveries.attempted(
      eventId,
      { state: delivered ? 'delivered' : 'pending', status: outcome.status, error },
      Date.now(),
    );
    await faultPoint('after:webhook-recorded', delivery.sessionId);
    if (delivered) return;
    const facts = outcome.retryAfterMs === null ? {} : { retryAfterMs: outcome.retryAfterMs };
    throw new HoldfastError('WEBHOOK_FAILED', `The webhook ${eventId} was not taken: ${error}`, facts);
  }

  /** Gives a webhook up; it stays in the records as dead. */
  async bury(eventId: string): Promise<void> {
    await this.#store.deliveries.bury(eventId, Date.now());
  }

  async close(): Promise<void> {
    await this.#agent.close();
  }

  async #post(url: string, headers: Record<string, string>, body: string): Promise<Outcome> {
    try {
      const signal = AbortSignal.timeout(this.#timeoutMs);
      const answer = await request(url, { method: 'POST', headers, body, dispatcher: this.#agent, signal });
      await answer.body.dump({ limit: 64 * 1024 });
      const waitMs = retryAfterMs(answer.headers['retry-after'], Date.now());
      return { status: answer.statusCode, error: null, retryAfterMs: waitMs };
    } catch (error) {
      return { status: null, error: error instanceof Error ? error.message : String(error), retryAfterMs: null };
    }
  }
}

interface Outcome {
  readonly status: number | null;
  readonly error: string | null;
  readonly retryAfterMs: number | null;
}

/**
 * The headers of Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`, keyed with the bytes behind `whsec_`.
 * @param nowMs epoch milliseconds of this attempt; receivers refuse what is older than five minutes.
 */
export function signedHeaders(id: string, body: string, secret: string, nowMs = Date.now()): Record<string, string> {
  const timestamp = Math.floor(nowMs / 1000);
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret);
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return {
    'content-type': 'application/json',
    'user-agent': 'Holdfast-Webhook/1',
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': `v1,${signature}`,
  };
}
