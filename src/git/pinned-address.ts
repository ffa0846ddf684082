import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { HoldfastError } from '../domain/failure.ts';
import { mayDial, type OutboundPolicy } from '../domain/network-address.ts';

/**
 * What git is told so that it connects to the addresses that were checked here, and does not resolve the name again.
 * @throws HoldfastError INVALID_REPOSITORY_URL when the policy refuses one of them, REPOSITORY_UNREACHABLE when there is none
 */
export async function pinnedAddress(
  url: string,
  policy: OutboundPolicy,
  resolve: (host: string) => Promise<readonly { readonly address: string }[]> = (host) => lookup(host, { all: true }),
): Promise<Record<string, string>> {
  const { hostname, port, protocol } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0) {
    if (!mayDial(host, policy)) throw refused(url, host);
    return {};
  }
  const found = await resolve(host).catch((cause: unknown) => {
    throw new HoldfastError('REPOSITORY_UNREACHABLE', `${url} cannot be reached: ${String(cause)}`, { cause });
  });
  const bad = found.find(({ address }) => !mayDial(address, policy));
  if (bad !== undefined) throw refused(url, bad.address);
  const addresses = found.map(({ address }) => (isIP(address) === 6 ? `[${address}]` : address));
  return { 'http.curloptResolve': `${host}:${port || (protocol === 'https:' ? 443 : 80)}:${addresses.join(',')}` };
}

function refused(url: string, address: string): HoldfastError {
  return new HoldfastError(
    'INVALID_REPOSITORY_URL',
    `${url} leads to ${address}, where this server may not connect to.`,
    {
      remedy: 'If the repository is inside, name its network in OUTBOUND_PRIVATE_NETWORKS.',
    },
  );
}
