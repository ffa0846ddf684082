import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { isAllowed, ruleFor, type Destination } from '../domain/egress.ts';
import { isPrivateAddress, isWithin, type Network } from '../domain/network-address.ts';

/** Why a destination is not reached. */
export interface Refusal extends Destination {
  readonly reason: 'not_listed' | 'address' | 'private_address' | 'not_found';
  /** The rule that would allow it, where there is one. */
  readonly rule: string | null;
  /** For whoever runs the command. */
  readonly message: string;
}

/** Where a session's commands may go. */
export interface EgressRules {
  /** See EgressRule in `domain/egress.ts`. */
  readonly rules: readonly string[];
  /** Networks that are not public and may be reached all the same, by the operator's word. */
  readonly privateNetworks: readonly Network[];
  /** All addresses of a name; the system's resolver unless given. */
  readonly resolve?: ((host: string) => Promise<LookupAddress[]>) | undefined;
}

/**
 * Decides about a destination by its name and then by its addresses: answers the addresses that may be dialled, and only these are to be
 * dialled, so that a name which changes its mind between the check and the connection gains nothing.
 */
export async function decide(
  destination: Destination,
  { rules, privateNetworks, resolve = (host) => lookup(host, { all: true }) }: EgressRules,
): Promise<readonly LookupAddress[] | Refusal> {
  const { host } = destination;
  const rule = ruleFor(destination);
  if (rule === null)
    return refusal(destination, 'address', null, 'a host is reached by its DNS name, and this is none');
  if (!isAllowed(rules, destination)) {
    const remedy = `it is not on the egress list of this task; the rule to add is "${rule}"`;
    return refusal(destination, 'not_listed', rule, remedy);
  }
  const addresses = await resolve(host).catch(() => []);
  if (addresses.length === 0) return refusal(destination, 'not_found', null, 'its name has no address');
  const reachable = addresses.filter(({ address }) => isPublic(address) || isWithin(address, privateNetworks));
  if (reachable.length > 0) return reachable;
  const remedy =
    'its name leads into a network that is not public; the operator can allow it by EGRESS_PRIVATE_NETWORKS';
  return refusal(destination, 'private_address', null, remedy);
}

function isPublic(address: string): boolean {
  return isIP(address) !== 0 && !address.includes('%') && !isPrivateAddress(address);
}

function refusal({ host, port }: Destination, reason: Refusal['reason'], rule: string | null, why: string): Refusal {
  const what = reason === 'not_found' ? 'cannot be reached' : 'is blocked';
  return { host, port, reason, rule, message: `[holdfast] ${host}:${port} ${what}: ${why}.` };
}
