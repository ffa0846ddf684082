import { BlockList, connect as connectSocket, isIP } from 'node:net';
import { buildConnector } from 'undici';

/** Networks that are not the public Internet (RFC 6890 and its successors), and one cloud's metadata service. */
const privateNetworks = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/96',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
  '5f00::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
] as const;

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
