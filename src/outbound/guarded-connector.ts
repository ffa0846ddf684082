import { lookup as resolveByDns, type LookupAddress, type LookupOptions } from 'node:dns';
import { connect as connectSocket, isIP, type LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import { mayDial, type OutboundPolicy } from '../domain/network-address.ts';

/** The `code` of the error of a connection that was not tried, because its address is refused. */
export const REFUSED = 'ADDRESS_REFUSED';

type Resolve = (
  host: string,
  options: LookupOptions & { readonly all: true },
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * A connector for undici that dials no address which the policy refuses, so that neither a name nor a rebinding leads inside: what is
 * checked is what is dialled, and nothing is resolved again in between. A name of which one address is refused is refused as a whole.
 * TLS comes over the socket that was dialled here: undici's own `blockList` option is not applied to TLS connections. `ca` are all
 * authorities that are trusted, in PEM; left out, those of Node.
 */
export function guardedConnector(
  options: Pick<OutboundPolicy, 'allowPrivate'> &
    Partial<OutboundPolicy> & { readonly timeoutMs: number; readonly ca?: readonly string[] },
  resolve: Resolve = resolveByDns,
): buildConnector.connector {
  const { allowPrivate, ca, networks = [], timeoutMs } = options;
  const base = buildConnector({ timeout: timeoutMs, ...(ca !== undefined && { ca: [...ca] }) });
  const policy = { allowPrivate, networks };
  return (target, callback) => {
    const secure = target.protocol === 'https:';
    const host = target.hostname.replace(/^\[|\]$/g, '');
    const port = Number(target.port) || (secure ? 443 : 80);
    if (isIP(host) !== 0 && !mayDial(host, policy)) return callback(refused(host), null);
    let settled = false;
    const settle: buildConnector.Callback = (...result) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      callback(...result);
    };
    const lookup = guardedLookup(policy, resolve);
    const socket = connectSocket({ host, port, lookup, autoSelectFamily: true });
    const timer = setTimeout(() => socket.destroy(new Error('connect timeout')), timeoutMs);
    const refuse = (error: Error): void => settle(error, null);
    socket.once('error', refuse);
    socket.once('connect', () => {
      socket.off('error', refuse);
      if (secure) base({ ...target, httpSocket: socket }, settle);
      else settle(null, socket);
    });
  };
}

/** All addresses of a name, or none. Asked for one only, it would be the caller's luck which. */
function guardedLookup(policy: OutboundPolicy, resolve: Resolve): LookupFunction {
  return (host, options, done) => {
    resolve(host, { ...options, all: true }, (error, addresses) => {
      const bad = addresses?.find(({ address }) => !mayDial(address, policy));
      const failure = error ?? (bad === undefined ? null : refused(`${host} (${bad.address})`));
      const [first] = addresses ?? [];
      if (failure !== null || first === undefined) done(failure ?? refused(host), []);
      else if (options.all === true) done(null, addresses);
      else done(null, first.address, first.family);
    });
  };
}

function refused(where: string): Error {
  return Object.assign(new Error(`${where} is not an address that this server may connect to`), { code: REFUSED });
}
