import { readFileSync } from 'node:fs';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { onTestFinished } from 'vitest';

const file = (name: string): string => readFileSync(join(import.meta.dirname, 'authority', name), 'utf8');

/** An authority that nobody trusts by himself; its key is gone, so it has signed one host for ever: 127.0.0.1. */
export const authority = file('ca.pem');

/** Puts TLS, with a certificate of {@link authority}, before an HTTP server; answers the same URL by https. */
export async function startTlsFront(url: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const front = createServer({ key: file('host-key.pem'), cert: file('host.pem') }, (secure) => {
    const plain = connect(Number(port), hostname);
    for (const [from, to] of [
      [secure, plain],
      [plain, secure],
    ] as const) {
      from.pipe(to);
      from.once('error', () => to.destroy());
    }
  });
  front.on('tlsClientError', () => undefined); // Whoever does not trust us hangs up.
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void front.close());
  return url.replace(/^http:\/\/[^/]+/, `https://127.0.0.1:${(front.address() as AddressInfo).port}`);
}
