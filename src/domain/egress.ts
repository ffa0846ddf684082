import * as z from 'zod';
import type { Contract } from './contract.ts';

/** The ports of a rule that names none: plain HTTP and TLS. */
const webPorts = [80, 443] as const;

/** A DNS name in lower case. The last label is not numeric, for then it would be an IPv4 address in one of its many spellings. */
const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const name = `(?:${label}\\.)*(?!\\d+(?![a-z0-9.-])|0x[\\da-f]*(?![a-z0-9.-]))${label}`;
const hostName = new RegExp(`^${name}$`);
const rulePattern = new RegExp(`^(\\*\\.(?=[^.]+\\.))?(${name})(?::([1-9]\\d{0,4}))?$`);

/**
 * A host that the commands of a task may reach: `host` or `*.host` (every name below it, not itself), on ports 80 and 443 or on the one
 * port of `host:port`. Names only, internationalized ones in their ASCII form. A star stands before two labels at least.
 */
export const EgressRule = z
  .string()
  .trim()
  .toLowerCase()
  .max(260)
  .refine((rule) => parseRule(rule) !== null, {
    error: 'must be a host name, *.name.tld, or either with :port; no address, no path, no scheme',
  });

/** The list of a task. */
export const Egress = z
  .array(EgressRule)
  .max(50)
  .default([])
  .describe(
    'Hosts that the commands of the agent may reach over HTTP and HTTPS: name, *.name.tld, name:port. None by default.',
  );

/** What the commands of a task may reach: nothing, or the hosts of some rules. */
export const NetworkPolicy = z.union([z.literal('none'), z.array(EgressRule).min(1)]);
export type NetworkPolicy = z.infer<typeof NetworkPolicy>;

/** Somewhere to connect to: a name in lower case without its final dot, or an address. */
export interface Destination {
  readonly host: string;
  readonly port: number;
}

/** True when one of the rules names the destination. An address is never named. */
export function isAllowed(rules: readonly string[], { host, port }: Destination): boolean {
  return hostName.test(host) && rules.some((rule) => covers(rule, { subdomains: false, name: host, ports: [port] }));
}

/** True when everything that `wanted` allows is allowed by one of the rules. */
export function isGranted(rules: readonly string[], wanted: string): boolean {
  const parsed = parseRule(wanted);
  return parsed !== null && rules.some((rule) => covers(rule, parsed));
}

/** The rule that would allow a destination; null for an address, which no rule can name. */
export function ruleFor({ host, port }: Destination): string | null {
  if (!hostName.test(host)) return null;
  return (webPorts as readonly number[]).includes(port) ? host : `${host}:${port}`;
}

/** What the commands of the agent may reach: the hosts that were named and granted, in one order whoever named them. */
export function networkOf({ items }: Pick<Contract, 'items'>): NetworkPolicy {
  const granted = items.filter(({ kind, state }) => kind === 'host' && state === 'satisfied').map(({ name }) => name);
  return granted.length === 0 ? 'none' : granted.toSorted();
}

/** True when commands can have effects outside: on hosts that they may reach, or anywhere when there are no walls. */
export function reachesOut({
  kind,
  network,
}: {
  readonly kind: 'bwrap' | 'off';
  readonly network: NetworkPolicy;
}): boolean {
  return kind === 'off' || network !== 'none';
}

interface ParsedRule {
  readonly subdomains: boolean;
  readonly name: string;
  readonly ports: readonly number[];
}

function parseRule(rule: string): ParsedRule | null {
  const [matched, star, host = '', port] = rulePattern.exec(rule) ?? [];
  if (matched === undefined || host.length > 253 || Number(port ?? 1) > 65_535) return null;
  return { subdomains: star !== undefined, name: host, ports: port === undefined ? webPorts : [Number(port)] };
}

function covers(rule: string, wanted: ParsedRule): boolean {
  const grant = parseRule(rule);
  if (grant === null || !wanted.ports.every((port) => grant.ports.includes(port))) return false;
  if (!grant.subdomains) return !wanted.subdomains && grant.name === wanted.name;
  return wanted.name.endsWith(`.${grant.name}`) || (wanted.subdomains && wanted.name === grant.name);
}
