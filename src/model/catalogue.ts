import type { Api, Model } from '@earendil-works/pi-ai';
import { ANTHROPIC_MODELS } from '@earendil-works/pi-ai/providers/anthropic.models';
import { OPENAI_MODELS } from '@earendil-works/pi-ai/providers/openai.models';
import { baseUrlOf, vendorAddresses, type HttpProvider } from '../domain/model-address.ts';
import type { ModelSpec } from '../domain/model-spec.ts';

const vendors = {
  anthropic: {
    id: 'anthropic',
    api: 'anthropic-messages',
    baseUrl: vendorAddresses.anthropic,
    models: ANTHROPIC_MODELS,
  },
  openai: { id: 'openai', api: 'openai-completions', baseUrl: vendorAddresses.openai, models: OPENAI_MODELS },
  'openai-responses': {
    id: 'openai',
    api: 'openai-responses',
    baseUrl: vendorAddresses['openai-responses'],
    models: OPENAI_MODELS,
  },
} as const satisfies Record<HttpProvider, object>;

const DEFAULT_CONTEXT_WINDOW = 128_000;
const DEFAULT_MAX_TOKENS = 8_192;
const free = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };

/**
 * pi-ai's model for a spec: window, price and abilities from its catalogue when it knows the id, careful defaults
 * otherwise. What the spec says itself wins. An unknown model without a price costs nothing in the reports.
 */
export function modelOf(spec: ModelSpec & { readonly provider: HttpProvider }): Model<Api> {
  const vendor = vendors[spec.provider];
  const known = Object.values<Model<Api>>(vendor.models).find(({ id }) => id === spec.id);
  const baseUrl = baseUrlOf(spec.provider, spec.baseUrl);
  return {
    id: spec.id,
    name: known?.name ?? spec.id,
    api: vendor.api,
    provider: vendor.id,
    baseUrl,
    reasoning: known?.reasoning ?? spec.thinkingLevel !== 'off',
    ...(known?.thinkingLevelMap && { thinkingLevelMap: known.thinkingLevelMap }),
    input: known?.input ?? ['text'],
    ...(known?.inputLimits && { inputLimits: known.inputLimits }),
    ...(known?.promptCache && { promptCache: known.promptCache }),
    cost: spec.cost ?? known?.cost ?? free,
    contextWindow: spec.contextWindow ?? known?.contextWindow ?? DEFAULT_CONTEXT_WINDOW,
    maxTokens: spec.maxTokens ?? known?.maxTokens ?? DEFAULT_MAX_TOKENS,
    compat: compatOf(spec.provider, known, baseUrl === vendor.baseUrl),
  } as Model<Api>;
}

/** True when it is known what a model costs; a limit of money would never be reached by one that seems to cost nothing. */
export function isPriced(spec: ModelSpec): boolean {
  if (spec.provider === 'scripted-demo' || spec.cost !== undefined) return true;
  return Object.values<Model<Api>>(vendors[spec.provider].models).some(({ id }) => id === spec.id);
}

/** The vendor's own endpoint knows everything; of a compatible one only what most of them understand is assumed. */
function compatOf(provider: HttpProvider, known: Model<Api> | undefined, official: boolean): object {
  if (provider === 'anthropic') {
    const compat = (known as Model<'anthropic-messages'> | undefined)?.compat ?? {};
    if (official) return compat;
    return { ...compat, supportsEagerToolInputStreaming: false, supportsLongCacheRetention: false };
  }
  if (provider === 'openai-responses') {
    return official ? { supportsStrictMode: true, ...(known as Model<'openai-responses'> | undefined)?.compat } : {};
  }
  if (official) return { supportsStrictMode: true };
  const maxTokensField = known?.reasoning === true ? 'max_completion_tokens' : 'max_tokens';
  return { supportsStore: false, supportsDeveloperRole: false, supportsLongCacheRetention: false, maxTokensField };
}
