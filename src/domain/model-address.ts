import type { ModelProvider, ModelSpec } from './model-spec.ts';
import { isPrivateAddress, mayDial, type OutboundPolicy } from './network-address.ts';

/** The providers that are reached over HTTP: all but the demo. */
export type HttpProvider = Exclude<ModelProvider, 'scripted-demo'>;

/** Where the vendors' own endpoints are. */
export const vendorAddresses = {
  anthropic: 'https://api.anthropic.com',
  openai: 'https://api.openai.com/v1',
  'openai-responses': 'https://api.openai.com/v1',
} as const satisfies Record<HttpProvider, string>;

/**
 * The base URL as pi-ai wants it: for Anthropic without `/v1`, which its client adds; for OpenAI with a version. A
 * trailing slash does not matter. `/v1` is added to an OpenAI-compatible address only when its path names no version at
 * all, so that `https://host`, `https://host/v1` and `https://host/api/v4` all work.
 */
export function baseUrlOf(provider: HttpProvider, given: string | undefined): string {
  const url = (given ?? vendorAddresses[provider]).replace(/\/+$/, '');
  if (provider === 'anthropic') return url.replace(/\/v1$/, '');
  const versioned = new URL(url).pathname.split('/').some((segment) => /^v\d/.test(segment));
  return versioned ? url : `${url}/v1`;
}

/** The spec with the address that it stands for written out: two specs of the same address are then the same. */
export function withAddress(spec: ModelSpec): ModelSpec {
  const { provider } = spec;
  return provider === 'scripted-demo' ? spec : { ...spec, baseUrl: baseUrlOf(provider, spec.baseUrl) };
}

/**
 * True where a model is at an address that nobody but the operator chose: the server's own, or the vendor's. Any other one was named
 * by a task.
 */
export function isOfOperator(spec: ModelSpec, own: ModelSpec): boolean {
  if (spec.provider === 'scripted-demo') return true;
  const { baseUrl } = withAddress(spec);
  return baseUrl === vendorAddresses[spec.provider] || baseUrl === withAddress(own).baseUrl;
}

/**
 * False for a model that a task wants at an address where the server may not connect to. Where a name leads is only known when it is dialled,
 * and is checked then.
 */
export function mayBeAt(spec: ModelSpec, own: ModelSpec, policy: OutboundPolicy): boolean {
  if (isOfOperator(spec, own)) return true;
  const host = URL.parse(withAddress(spec).baseUrl ?? '')?.hostname.replace(/^\[|\]$/g, '') ?? '';
  return !isPrivateAddress(host) || mayDial(host, policy);
}
