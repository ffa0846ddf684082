import { randomBytes } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';

/** The receiver of the demo's webhooks: it checks each one as any receiver should. */
export interface WebhookInbox {
  readonly url: string;
  readonly secret: string;
  count(): number;
  /** How many carried a signature that the independent `standardwebhooks` package takes. */
  verified(): number;
  /** Resolves when a webhook has come that fits. */
  until(fits: (payload: { readonly status: string }) => boolean): Promise<void>;
  close(): Promise<void>;
}

/** Starts the receiver on loopback, with a secret of its own. */
export async function startWebhookInbox(): Promise<WebhookInbox> {
  const secret = `whsec_${randomBytes(32).toString('base64')}`;
  const payloads: { readonly status: string }[] = [];
  const waiting: (() => void)[] = [];
  let verified = 0;
  const server = createServer(async (request, response) => {
    const body = await text(request).catch(() => null);
    if (body === null) return void response.destroy(); // Whoever sent it has been killed in the middle.
    if (verifies(secret, body, request.headers)) verified += 1;
    payloads.push(JSON.parse(body) as { status: string });
    response.writeHead(204).end();
    for (const wake of waiting) wake();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    secret,
    count: () => payloads.length,
    verified: () => verified,
    until: (fits) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (payloads.some(fits)) resolve();
        };
        waiting.push(look);
        look();
      }),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** True for a webhook whose signature the independent `standardwebhooks` package takes. */
export function verifies(secret: string, body: string, headers: IncomingHttpHeaders): boolean {
  try {
    new Webhook(secret).verify(body, headers as Record<string, string>);
    return true;
  } catch {
    return false;
  }
}
