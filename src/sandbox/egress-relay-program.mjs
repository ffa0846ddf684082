// Runs inside the sandbox, as `node -e <this text> <socket> <port>`: programs speak to a proxy over TCP, and this carries each of their
// connections to the proxy's socket. It knows nothing of HTTP, and what it lets through is decided at the other end.
import { closeSync, writeSync } from 'node:fs';
import { connect, createServer } from 'node:net';

const [, path = '', port] = process.argv;
const server = createServer({ allowHalfOpen: true }, (inner) => {
  const outer = connect({ path, allowHalfOpen: true });
  inner.on('error', () => outer.destroy());
  outer.on('error', () => inner.destroy());
  inner.pipe(outer).pipe(inner);
});
server.listen(Number(port), '127.0.0.1', () => {
  writeSync(3, 'ready');
  closeSync(3);
});
