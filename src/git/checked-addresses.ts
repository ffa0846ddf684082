import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { HoldfastError } from '../domain/failure.ts';
import { mayDial, type OutboundPolicy } from '../domain/network-address.ts';

/** Asks for all addresses of a name. */
export type ResolveAll = (host: string) => Promise<readonly { readonly address: string }[]>;

const byDns: ResolveAll = (host) => lookup(host, { all: true });

/**
 * All addresses at which the host of a repository is, or none: a name of which the policy refuses one address is refused as a whole. It
 * is resolved once; whoever connects must dial one of these.
 * @param host a name, or an address without brackets
 * @throws HoldfastError INVALID_REPOSITORY_URL when the policy refuses one of them, REPOSITORY_UNREACHABLE when there is none
 */
export async function checkedAddresses(
  url: string,
  host: string,
  policy: OutboundPolicy,
  resolve: ResolveAll = byDns,
): Promise<readonly string[]> {
  const addresses = isIP(host) === 0 ? await addressesOf(url, host, resolve) : [host];
  const bad = addresses.find((address) => !mayDial(address, policy));
  if (bad === undefined) return addresses;
  throw new HoldfastError('INVALID_REPOSITORY_URL', `${url} leads to ${bad}, where this server may not connect to.`, {
    remedy: 'If the repository is inside, name its network in OUTBOUND_PRIVATE_NETWORKS.',
  });
}

async function addressesOf(url: string, host: string, resolve: ResolveAll): Promise<readonly string[]> {
  try {
    return (await resolve(host)).map(({ address }) => address);
  } catch (cause) {
    throw new HoldfastError('REPOSITORY_UNREACHABLE', `${url} cannot be reached: ${String(cause)}`, { cause });
  }
}
