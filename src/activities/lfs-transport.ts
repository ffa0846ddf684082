import { getCACertificates } from 'node:tls';
import { Agent, request } from 'undici';
import { HoldfastError } from '../domain/failure.ts';
import type { OutboundPolicy } from '../domain/network-address.ts';
import type { LfsTransport } from '../git/lfs/lfs-transport.ts';
import { guardedConnector } from '../outbound/guarded-connector.ts';

const CONNECT_MS = 30_000;
/** A transfer may take hours; it is given up when nothing comes for so long. */
const IDLE_MS = 60_000;

/** The way to servers of Git LFS: through the guarded connector, and without redirects. */
export function lfsTransport(policy: OutboundPolicy): LfsTransport {
  const agentFor = (ca?: string): Agent => {
    const authorities = ca === undefined ? {} : { ca: [...getCACertificates('default'), ca] };
    const connect = guardedConnector({ ...policy, ...authorities, timeoutMs: CONNECT_MS });
    // Nothing has to be closed at the end: an idle connection keeps no process alive.
    return new Agent({ connect, keepAliveTimeout: 1000, headersTimeout: IDLE_MS, bodyTimeout: IDLE_MS });
  };
  const plain = agentFor();
  return async ({ method, url, headers, body, ca, signal }) => {
    const dispatcher = ca === undefined ? plain : agentFor(ca);
    const sent = {
      'user-agent': 'Holdfast/1',
      ...headers,
      ...(typeof body === 'object' && { 'content-length': String(body.bytes) }),
    };
    const content = typeof body === 'object' ? body.stream : body;
    try {
      const answer = await request(url, {
        method,
        headers: sent,
        dispatcher,
        ...(signal !== undefined && { signal }),
        ...(content !== undefined && { body: content }),
      });
      answer.body.on('error', () => undefined); // Whoever reads it is told; one that is thrown away tells nobody.
      return { status: answer.statusCode, body: answer.body };
    } catch (cause) {
      if (signal?.aborted) throw signal.reason;
      const said = cause instanceof Error ? cause.message : String(cause);
      throw new HoldfastError('LFS_FAILED', `${new URL(url).origin} cannot be reached: ${said}`, { cause });
    }
  };
}
