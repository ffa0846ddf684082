import { BlockList, connect as connectSocket, isIP } from 'node:net';
import { buildConnector } from 'undici';
import { privateNetworks } from '../domain/network-address.ts';

/**
 * A connector for undici that checks the address which is really dialled, so that neither a name nor a rebinding leads inside.
 * The check is made by the socket itself: undici's own `blockList` option is not applied to TLS connections.
 */
export function guardedConnector(options: {
  readonly allowPrivate: boolean;
  readonly timeoutMs: number;
}): buildConnector.connector {
  const base = buildConnector({ timeout: options.timeoutMs });
  if (options.allowPrivate) return base;
  const blockList = privateBlockList();
  return (target, callback) => {
    const secure = target.protocol === 'https:';
    const host = target.hostname.replace(/^\[|\]$/g, '');
    const port = Number(target.port) || (secure ? 443 : 80);
    let settled = false;
    const settle: buildConnector.Callback = (...result) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      callback(...result);
    };
    const socket = connectSocket({ host, port, blockList, autoSelectFamily: true });
    const timer = setTimeout(() => socket.destroy(new Error('connect timeout')), options.timeoutMs);
    const refuse = (error: Error): void => settle(error, null);
    socket.once('error', refuse);
    socket.once('connect', () => {
      socket.off('error', refuse);
      if (secure) base({ ...target, httpSocket: socket }, settle);
      else settle(null, socket);
    });
  };
}

function privateBlockList(): BlockList {
  const list = new BlockList();
  for (const network of privateNetworks) {
    const [address, prefix] = network.split('/') as [string, string];
    list.addSubnet(address, Number(prefix), isIP(address) === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}
