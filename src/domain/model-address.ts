import type { ModelProvider, ModelSpec } from './model-spec.ts';

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
