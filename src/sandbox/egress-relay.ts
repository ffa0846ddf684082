import { readFileSync } from 'node:fs';

/** Where the proxy's socket and the program that serves the relay lie inside. */
const SOCKET = '/run/holdfast/egress.sock';
const NODE = '/run/holdfast/node';
const PORT = 3128;

const program = readFileSync(new URL('egress-relay-program.mjs', import.meta.url), 'utf8');

/**
 * Starts the relay, waits until it listens, and becomes the command. The relay is no child of the command, which may wait for all of its
 * own, and holds none of its descriptors; it ends with the last process of the sandbox.
 */
const script = `ready=$( (exec -c "$0" --max-old-space-size=64 --input-type=module -e "$1" ${SOCKET} ${PORT} 3>&1 </dev/null >/dev/null 2>/dev/null &) )
[ "$ready" = ready ] || { echo '[sandbox] the way to the egress proxy could not be opened' >&2; exit 125; }
shift; exec "$@"`;

/** The mounts of a sandbox with egress: the proxy's socket, and the server's own Node.js from an open descriptor (its path may be closed to the sandbox's user). */
export function relayMounts(socketPath: string, node: number): string[] {
  return ['--ro-bind', socketPath, SOCKET, '--ro-bind-fd', String(node), NODE];
}

/** A command behind a relay. */
export function relayed(argv: readonly string[]): string[] {
  return ['/bin/bash', '-c', script, NODE, program, ...argv];
}

const url = `http://127.0.0.1:${PORT}`;
const local = 'localhost,127.0.0.1,::1';

/** What tells programs of the proxy. Node.js heeds it only when it is asked to. */
export const relayEnvironment: Readonly<Record<string, string>> = {
  http_proxy: url,
  https_proxy: url,
  HTTP_PROXY: url,
  HTTPS_PROXY: url,
  no_proxy: local,
  NO_PROXY: local,
  NODE_USE_ENV_PROXY: '1',
};
