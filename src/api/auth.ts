import { createHash, timingSafeEqual } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import { HoldfastError } from '../domain/failure.ts';

const open = ['/healthz', '/readyz'];
/** Calls that are signed, and are judged by that alone. */
const signed = /^\/v1\/forges\/[a-z]+\/webhook$/;

/**
 * Who may call. With keys: whoever carries one as a bearer token. Without: only the machine's own user, so only loopback names as
 * `Host` (a page elsewhere that rebinds its name to 127.0.0.1 has another) and no foreign `Origin` (a page that posts across sites).
 * @param isFriend true for pages of another origin that may call this path all the same.
 */
export function authenticate(
  keys: () => readonly string[],
  isFriend: (path: string, origin: string) => boolean = () => false,
): MiddlewareHandler {
  return async (c, next) => {
    if (signed.test(c.req.path)) return next();
    const known = keys();
    if (known.length > 0) {
      if (!open.includes(c.req.path) && !isKnown(c.req.header('authorization'), known)) {
        throw new HoldfastError('UNAUTHORIZED', 'The key is missing or wrong.');
      }
      return next();
    }
    const host = c.req.header('host') ?? '';
    if (!isLoopbackHost(host)) throw new HoldfastError('FORBIDDEN_ORIGIN', `The host ${host} is not a loopback name.`);
    const origin = c.req.header('origin');
    if (origin !== undefined && isFriend(c.req.path, origin)) return next();
    if (origin !== undefined && origin !== `http://${host}`)
      throw new HoldfastError('FORBIDDEN_ORIGIN', `The origin ${origin} is not this server.`);
    if (c.req.header('sec-fetch-site') === 'cross-site')
      throw new HoldfastError('FORBIDDEN_ORIGIN', 'The call comes from another site.');
    return next();
  };
}

/**
 * Checks that the server may listen where it is told to.
 * @throws HoldfastError INVALID_REQUEST for an address that others can reach, while there is no key.
 */
export function assertMayListen(host: string, keys: readonly string[]): void {
  if (keys.length > 0 || isLoopbackHost(host)) return;
  throw new HoldfastError('INVALID_REQUEST', `Without API keys the server listens on loopback only, not on ${host}.`, {
    remedy: 'Set API_KEYS (or API_KEYS_FILE), or leave HOST at 127.0.0.1.',
  });
}

function isKnown(header: string | undefined, keys: readonly string[]): boolean {
  const given = digest(/^Bearer (.+)$/i.exec(header ?? '')?.[1] ?? '');
  // All are compared, in constant time: how long it takes tells nothing.
  return keys.map((key) => timingSafeEqual(digest(key), given)).includes(true);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function isLoopbackHost(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\]|::1)(:\d+)?$/i.test(host);
}
