// Runs as ssh's ProxyCommand, as `node <this file> <port> <address>…`: connects to one of the addresses, which the server has checked, and
// carries what ssh says. It resolves no name.
import { connect } from 'node:net';

/** How long one address is waited for before the next one is tried beside it. */
const ATTEMPT_MS = 2000;

const [port, ...addresses] = process.argv.slice(2);
const checked = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
const socket = connect({
  host: 'checked.invalid',
  port: Number(port),
  allowHalfOpen: true,
  autoSelectFamily: true,
  autoSelectFamilyAttemptTimeout: ATTEMPT_MS,
  lookup: (_host, _options, done) => done(null, checked),
});
socket.once('error', (error) => {
  const all = error instanceof AggregateError ? error.errors : [error];
  process.stderr.write(`Connection failed: ${all.map(({ message }) => message).join('; ')}\n`);
  process.exit(1);
});
socket.once('close', () => process.exit(0));
process.stdin.pipe(socket);
socket.pipe(process.stdout);
