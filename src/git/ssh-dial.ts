import { isIP } from 'node:net';
import { join } from 'node:path';
import { HoldfastError } from '../domain/failure.ts';
import type { OutboundPolicy } from '../domain/network-address.ts';
import { checkedAddresses, type ResolveAll } from './checked-addresses.ts';
import { sshPlaceOf } from './ssh-url.ts';

const program = join(import.meta.dirname, 'ssh-dial-program.mjs');

/**
 * The ProxyCommand (ssh_config(5)) by which ssh gets to the addresses that were checked here, and resolves the name no more. It still
 * looks for the host's key under the name. `none` for a host that is an address itself.
 * @throws HoldfastError INVALID_REPOSITORY_URL when the policy refuses one of them, REPOSITORY_UNREACHABLE when there is none
 */
export async function proxyCommand(url: string, policy: OutboundPolicy, resolve?: ResolveAll): Promise<string> {
  const place = sshPlaceOf(url);
  if (place === null) throw new HoldfastError('INVALID_REPOSITORY_URL', `${url} is no URL of SSH.`);
  const addresses = await checkedAddresses(url, place.host, policy, resolve);
  if (isIP(place.host) !== 0) return 'none';
  return [process.execPath, program, String(place.port), ...addresses].map(quoted).join(' ');
}

/** For the shell that ssh starts it with, and for ssh, to which a percent sign is a token. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`).replaceAll('%', '%%')}'`;
}
