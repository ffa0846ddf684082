import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** A server outside of every sandbox that counts how often each path was asked for: the witness of effects. */
export interface OutsideCounter {
  /** `counter.test:port`, by which commands reach it. */
  readonly host: string;
  readonly count: (path: string) => number;
}

export async function outsideCounter(): Promise<OutsideCounter> {
  const counts = new Map<string, number>();
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    counts.set(path, (counts.get(path) ?? 0) + 1);
    response.end(`counted ${path}\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { host: `counter.test:${port}`, count: (path) => counts.get(path) ?? 0 };
}
