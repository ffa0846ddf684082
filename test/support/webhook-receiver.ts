import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { verifies } from '../../src/demo/webhook-inbox.ts';

/** A webhook as it came in, and whether the `standardwebhooks` package takes it. */
export interface Received {
  readonly id: string;
  readonly body: string;
  readonly payload: {
    readonly task_id: string;
    readonly session_id: string;
    readonly status: string;
    readonly state: string;
    readonly seq: number;
    readonly data: Record<string, unknown>;
  };
  readonly headers: IncomingHttpHeaders;
  readonly verified: boolean;
}

/** A real HTTP endpoint for webhooks. */
export interface WebhookReceiver {
  readonly url: string;
  readonly received: Received[];
  close(): Promise<void>;
}

/**
 * Starts a receiver on loopback. `secretOf` names the secret to verify with; `answer` decides what the n-th request (from 1) gets.
 */
export async function startWebhookReceiver(options: {
  readonly secret: () => string;
  readonly answer?: (count: number) => { readonly status: number; readonly headers?: Record<string, string> };
}): Promise<WebhookReceiver> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const body = await text(request).catch(() => null);
    if (body === null) return void response.destroy(); // Whoever sent it has been killed in the middle.
    received.push({
      id: String(request.headers['webhook-id']),
      body,
      payload: JSON.parse(body) as Received['payload'],
      headers: request.headers,
      verified: verifies(options.secret(), body, request.headers),
    });
    const { status, headers } = options.answer?.(received.length) ?? { status: 204 };
    response.writeHead(status, headers).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
