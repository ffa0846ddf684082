import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server outside of every sandbox that counts how often each path was asked for: the witness of effects. */
export interface OutsideCounter {
  readonly port: number;
  readonly count: (path: string) => number;
  close(): Promise<void>;
}

/** Starts one on loopback; it answers `counted <path>`. */
export async function startOutsideCounter(): Promise<OutsideCounter> {
  const counts = new Map<string, number>();
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    counts.set(path, (counts.get(path) ?? 0) + 1);
    response.end(`counted ${path}\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    count: (path) => counts.get(path) ?? 0,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
