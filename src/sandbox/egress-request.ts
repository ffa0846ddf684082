import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import type { Destination } from '../domain/egress.ts';

/** Of a DNS name with a final dot; addresses are shorter. */
const MAX_HOST_CHARS = 254;

/** A request in the absolute form of RFC 9112 §3.2.2: where it goes and what it asks for there. */
export interface ForwardTarget extends Destination {
  /** Host and port as the URL has them; the caller's own Host header counts for nothing. */
  readonly authority: string;
  readonly path: string;
}

/** The target of a CONNECT (`host:port` and nothing else), or null. */
export function tunnelTarget(requestTarget: string): Destination | null {
  const [, bracketed, host = bracketed, port] =
    /^(?:\[([\da-f:.]+)\]|([^\s:/?#@[\]]+)):(\d{1,5})$/i.exec(requestTarget) ?? [];
  if (host === undefined || host.length > MAX_HOST_CHARS || !isPort(Number(port))) return null;
  return { host: canonical(host), port: Number(port) };
}

/** The target of a plain request, or null: only `http://…` is forwarded. */
export function forwardTarget(requestTarget: string): ForwardTarget | null {
  if (!/^http:\/\//i.test(requestTarget)) return null;
  const url = URL.parse(requestTarget);
  const port = Number(url?.port || 80);
  if (url === null || url.hostname.length > MAX_HOST_CHARS || !isPort(port)) return null;
  const host = canonical(url.hostname.replace(/^\[|\]$/g, ''));
  return { host, port, authority: url.host, path: `${url.pathname}${url.search}` };
}

/** Headers that belong to one connection and are not passed on (RFC 9110 §7.6.1). */
const hopByHop = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
];
/** Headers that frame a message: no Connection header takes them away. */
const framing = ['content-length', 'host'];

/** The headers of a message to be passed on. */
export function forwardedHeaders(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const named = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  const kept = Object.entries(headers).filter(
    ([header]) =>
      framing.includes(header) || !(hopByHop.includes(header) || header.startsWith('proxy-') || named.includes(header)),
  );
  // A body that came in chunks goes on in chunks; without this it would follow the headers unframed.
  const chunked = headers['transfer-encoding'] === undefined ? [] : [['transfer-encoding', 'chunked']];
  return Object.fromEntries([...kept, ...chunked]) as OutgoingHttpHeaders;
}

/** In lower case and without the dot that makes a name absolute: it is the same name. */
function canonical(host: string): string {
  return host.toLowerCase().replace(/(?<=[^.])\.$/, '');
}

function isPort(port: number): boolean {
  return port >= 1 && port <= 65_535;
}
