import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

const TICK_MS = 50;

/** What becomes of the bytes that a server answers. */
export interface Line {
  readonly bytesPerSecond: number;
  /** After so many bytes of all answers together the line is cut. */
  readonly cutAfter?: number;
  /** After so many bytes of all answers together nothing comes any more. */
  readonly stallAfter?: number;
}

/** A line to a server on loopback that is slow in the direction of its answers; answers its own port. */
export async function slowLine(port: number, { bytesPerSecond, cutAfter, stallAfter }: Line): Promise<number> {
  const sockets = new Set<Socket>();
  let passed = 0;
  const proxy = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    let waiting = Buffer.alloc(0);
    let ended = false;
    let last = performance.now();
    const tick = setInterval(() => {
      const now = performance.now(); // Not the number of ticks: a busy machine must not make the line slower.
      const budget = Math.ceil(((now - last) * bytesPerSecond) / 1000);
      last = now;
      if (passed >= (stallAfter ?? Infinity)) return;
      if (passed >= (cutAfter ?? Infinity)) return void near.destroy();
      const piece = waiting.subarray(0, budget);
      waiting = waiting.subarray(piece.length);
      passed += piece.length;
      if (piece.length > 0) near.write(piece);
      else if (ended) near.end();
    }, TICK_MS);
    near.pipe(far);
    far.on('data', (chunk: Buffer) => (waiting = Buffer.concat([waiting, chunk])));
    far.once('end', () => (ended = true));
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => {
        sockets.delete(socket);
        if (socket === near) clearInterval(tick);
        if (socket === near) far.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => proxy.close(resolve));
  });
  return (proxy.address() as AddressInfo).port;
}
