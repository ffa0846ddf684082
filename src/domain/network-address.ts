/** Networks that are not the public Internet (RFC 6890 and its successors), and one cloud's metadata service. */
export const privateNetworks = [
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

const parsedPrivateNetworks = privateNetworks.map(parseNetwork);

/**
 * True for an address that does not belong to the public Internet: IPv4 in dotted decimals or IPv6 without brackets, as a parsed
 * URL or a resolver shows them. IPv4 inside of IPv6 counts as what it is. False for anything else, names above all: where a name leads is only
 * known when it is dialled.
 */
export function isPrivateAddress(address: string): boolean {
  return isWithin(address, parsedPrivateNetworks);
}

/** Where clouds answer questions about a machine, its credentials among them; also by way of IPv6 that carries IPv4 (RFC 6052, RFC 3056). */
const metadataNetworks = [
  '168.63.129.16/32',
  '169.254.0.0/16',
  '::a9fe:0/112',
  '64:ff9b::a9fe:0/112',
  '2002:a9fe::/32',
  'fd00:ec2::/32',
  'fe80::/10',
].map(parseNetwork);

/** Where the server itself may connect to. */
export interface OutboundPolicy {
  /** Lets it reach networks that are not public, except where a machine asks about itself. */
  readonly allowPrivate: boolean;
  /** Networks, as `address/prefix`, that it may reach in any case. */
  readonly networks: readonly string[];
}

/** True for an address that the server may connect to. What is no address is refused. */
export function mayDial(address: string, { allowPrivate, networks }: OutboundPolicy): boolean {
  const plain = address.replace(/%.*$/, ''); // A zone (RFC 4007) says by which interface, and nothing of where.
  if (bitsOf(plain) === null) return false;
  if (isWithin(plain, networks.map(parseNetwork))) return true;
  if (isWithin(plain, metadataNetworks)) return false;
  return allowPrivate || !isPrivateAddress(plain);
}

/** True for an address, spelt as above, of one of the networks. */
export function isWithin(address: string, networks: readonly Network[]): boolean {
  const bits = bitsOf(address);
  return bits !== null && networks.some(({ first, rest }) => bits >> rest === first >> rest);
}

/** The addresses that begin alike. */
export interface Network {
  readonly first: bigint;
  /** How many of the 128 bits, from the right, may differ. */
  readonly rest: bigint;
}

/** The network of a well-formed `address/prefix`. */
export function parseNetwork(text: string): Network {
  const [address = '', prefix] = text.split('/');
  return { first: bitsOf(address) ?? 0n, rest: BigInt((address.includes(':') ? 128 : 32) - Number(prefix)) };
}

/** The 128 bits of an address; of IPv4 those of its IPv4-mapped form `::ffff:a.b.c.d` (RFC 4291). */
function bitsOf(address: string): bigint | null {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(address)) {
    return address.split('.').reduce((bits, byte) => (bits << 8n) | BigInt(byte), 0xffffn);
  }
  const groups = address.replace(/(?<=:)(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/, (_, ...bytes: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(0, 4).map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  if (!/^[\da-f]*(:[\da-f]*)+$/i.test(groups)) return null;
  const [left = [], right = []] = groups.split('::').map((part) => part.split(':').filter(Boolean));
  const zeros = Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0');
  return [...left, ...zeros, ...right].reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n);
}
