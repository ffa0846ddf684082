import { checkedAddresses, type ResolveAll } from './checked-addresses.ts';
import { isIP } from 'node:net';
import type { OutboundPolicy } from '../domain/network-address.ts';

/**
 * What git is told so that over http(s) it connects to the addresses that were checked here, and does not resolve the name again.
 * @throws HoldfastError INVALID_REPOSITORY_URL when the policy refuses one of them, REPOSITORY_UNREACHABLE when there is none
 */
export async function pinnedAddress(
  url: string,
  policy: OutboundPolicy,
  resolve?: ResolveAll,
): Promise<Record<string, string>> {
  const { hostname, port, protocol } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const found = await checkedAddresses(url, host, policy, resolve);
  if (isIP(host) !== 0) return {};
  const addresses = found.map((address) => (isIP(address) === 6 ? `[${address}]` : address));
  return { 'http.curloptResolve': `${host}:${port || (protocol === 'https:' ? 443 : 80)}:${addresses.join(',')}` };
}
