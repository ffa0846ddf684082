import type { LookupAddress } from 'node:dns';
import type { NetworkPolicy } from '../domain/egress.ts';
import { parseNetwork } from '../domain/network-address.ts';
import type { Refusal } from '../sandbox/egress-policy.ts';
import { EgressProxy } from '../sandbox/egress-proxy.ts';
import type { CommandAccess, Sandbox } from '../sandbox/sandbox.ts';
import type { EventRecords } from '../store/events.ts';

/** What the operator says about the network of commands. */
export interface EgressSettings {
  /** `address/prefix` of networks that are not public and may be reached all the same. */
  readonly privateNetworks: readonly string[];
  /** Another resolver than the system's. */
  readonly resolve?: (host: string) => Promise<LookupAddress[]>;
}

/** What a way out is made of. */
export interface SessionEgressParts {
  readonly sandbox: Sandbox;
  readonly events: EventRecords;
  readonly settings: EgressSettings;
}

/** The way out of one attempt's commands: none, or a proxy that dies with the attempt and records each host that it blocks. */
export class SessionEgress {
  readonly #proxy: EgressProxy | null;
  readonly #told: Promise<unknown>[];

  private constructor(proxy: EgressProxy | null, told: Promise<unknown>[]) {
    this.#proxy = proxy;
    this.#told = told;
  }

  /** Opens what the frozen policy allows. `SANDBOX=off` has no walls that a way could lead through. */
  static async open(
    sessionId: string,
    network: NetworkPolicy,
    { sandbox, events, settings }: SessionEgressParts,
  ): Promise<SessionEgress> {
    if (network === 'none' || sandbox.kind === 'off') return new SessionEgress(null, []);
    const told: Promise<unknown>[] = [];
    const proxy = await EgressProxy.open(sandbox, {
      rules: network,
      privateNetworks: settings.privateNetworks.map(parseNetwork),
      resolve: settings.resolve,
      onBlocked: (refusal) => void told.push(record(events, sessionId, refusal).catch(() => undefined)),
    });
    return new SessionEgress(proxy, told);
  }

  /** For the tool that runs commands. */
  get access(): CommandAccess {
    const proxy = this.#proxy;
    if (proxy === null) return {};
    return { egress: { socketPath: proxy.socketPath }, takeRefusals: () => proxy.takeRefusals() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxy?.close();
    await Promise.all(this.#told);
  }
}

/** Once for each destination of the session, however many attempts and commands try it. */
function record(
  events: EventRecords,
  sessionId: string,
  { host, port, reason, rule, message }: Refusal,
): Promise<unknown> {
  return events.append(sessionId, {
    key: `blocked_host/${host}:${port}`,
    type: 'blocked_host',
    state: 'EXECUTING',
    stage: 'coding',
    at: Date.now(),
    data: { host, port, reason, rule, message },
  });
}
