import { Agent, request } from 'undici';
import { HoldfastError } from '../domain/failure.ts';
import type { OutboundPolicy } from '../domain/network-address.ts';
import type { ForgeAnswer, ForgeTransport } from '../git/forges/forge-api.ts';
import { guardedConnector } from '../outbound/guarded-connector.ts';

const TIMEOUT_MS = 30_000;
/** A page of a hundred requests with their texts is well below it. */
const MAX_BYTES = 16 * 1024 * 1024;

/** The way to forges: through the guarded connector, without redirects, and with a bounded wait and answer. */
export function forgeTransport(policy: Pick<OutboundPolicy, 'allowPrivate'> & Partial<OutboundPolicy>): ForgeTransport {
  const connect = guardedConnector({ ...policy, timeoutMs: TIMEOUT_MS });
  // Nothing has to be closed at the end: an idle connection keeps no process alive.
  const dispatcher = new Agent({ connect, keepAliveTimeout: 1000 });
  return async ({ method, url, headers, body }) => {
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const sent = { 'user-agent': 'Holdfast/1', ...headers };
      const answer = await request(url, {
        method,
        headers: sent,
        dispatcher,
        signal,
        ...(body !== undefined && { body }),
      });
      return { status: answer.statusCode, headers: single(answer.headers), body: await textOf(answer.body) };
    } catch (cause) {
      if (cause instanceof HoldfastError) throw cause;
      const said = cause instanceof Error ? cause.message : String(cause);
      throw new HoldfastError('FORGE_UNAVAILABLE', `${new URL(url).origin} cannot be reached: ${said}`, { cause });
    }
  };
}

async function textOf(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MAX_BYTES)
      throw new HoldfastError('FORGE_REJECTED', `The forge answers with more than ${MAX_BYTES} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function single(headers: Readonly<Record<string, string | string[] | undefined>>): ForgeAnswer['headers'] {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
}
