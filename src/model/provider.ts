import {
  appendAssistantMessageDiagnostic,
  createProvider,
  lazyStream,
  type Api,
  type AssistantMessageEvent,
  type AssistantMessageEventStream,
  type Model,
  type Provider,
  type ProviderStreams,
} from '@earendil-works/pi-ai';
import { anthropicMessagesApi } from '@earendil-works/pi-ai/api/anthropic-messages.lazy';
import { openAICompletionsApi } from '@earendil-works/pi-ai/api/openai-completions.lazy';
import { openAIResponsesApi } from '@earendil-works/pi-ai/api/openai-responses.lazy';
import { HoldfastError } from '../domain/failure.ts';
import type { ModelSpec } from '../domain/model-spec.ts';
import type { OutboundPolicy } from '../domain/network-address.ts';
import { Redactor } from '../redaction/redactor.ts';
import { modelOf } from './catalogue.ts';
import { HTTP_DIAGNOSTIC } from './classify.ts';
import { noFacts, observedFetch, type HttpFacts, type HttpLimits } from './http.ts';
import { createScriptedDemo } from './scripted-demo.ts';

/** A model with the provider that answers for it: what pi's `registerNativeProvider` and pi-ai's `setProvider` take. */
export interface ModelAccess {
  readonly provider: Provider;
  readonly model: Model<Api>;
}

/** Makes the access to the model of a spec, see {@link createModel}. */
export type OpenModel = (spec: ModelSpec, key: string | undefined) => ModelAccess;

/** How a model is reached. */
export interface ModelOptions {
  /** Longest silence before and within a reply, in milliseconds; then the request fails as stalled. Default 120,000. */
  readonly idleTimeoutMs?: number;
  /** Where the model may be, when a task named its address; left out, anywhere. */
  readonly network?: OutboundPolicy | undefined;
  /** What the scripted demo waits before each reply, in milliseconds; default 400. */
  readonly demoDelayMs?: number;
}

const apis: Readonly<Record<string, () => ProviderStreams>> = {
  'anthropic-messages': anthropicMessagesApi,
  'openai-completions': openAICompletionsApi,
  'openai-responses': openAIResponsesApi,
};
const DEFAULT_IDLE_MS = 120_000;

// The SDKs under pi-ai print what they cannot parse of a reply to stderr, past our logger and its redaction.
process.env['OPENAI_LOG'] = 'off';
process.env['ANTHROPIC_LOG'] = 'off';

/**
 * The model of a spec, reached with this key and nothing else: no environment, no home directory, no expansion of `$`
 * or `!`. A reply that fails carries what HTTP said about it, for `classifyModelError`; its text never contains the
 * key.
 * @throws HoldfastError MODEL_KEY_MISSING without a key (the demo needs none), MODEL_AUTH_FAILED for one that cannot be sent.
 */
export function createModel(spec: ModelSpec, key: string | undefined, options: ModelOptions = {}): ModelAccess {
  const { provider } = spec;
  if (provider === 'scripted-demo') return createScriptedDemo(options.demoDelayMs);
  const apiKey = checkedKey(key, spec);
  const model = modelOf({ ...spec, provider });
  const streams = apis[model.api]?.();
  if (streams === undefined) throw new HoldfastError('INTERNAL', `There is no API ${model.api}.`);
  const auth = { name: 'Holdfast', resolve: async () => ({ auth: { apiKey }, source: 'session' }) };
  const { idleTimeoutMs = DEFAULT_IDLE_MS, network } = options;
  const api = observed(streams, { key: apiKey, idleTimeoutMs, network });
  return { model, provider: createProvider({ id: model.provider, models: [model], auth: { apiKey: auth }, api }) };
}

function checkedKey(key: string | undefined, { id, provider }: ModelSpec): string {
  const trimmed = key?.trim() ?? '';
  if (trimmed === '') throw new HoldfastError('MODEL_KEY_MISSING', `There is no API key for ${provider}/${id}.`);
  if (/^[\x21-\x7e]+$/.test(trimmed)) return trimmed;
  throw new HoldfastError(
    'MODEL_AUTH_FAILED',
    `The API key for ${provider}/${id} has characters that no header can carry.`,
  );
}

/** The streams of an API with our own fetch underneath and the facts of HTTP on what fails. */
function observed(streams: ProviderStreams, limits: HttpLimits): ProviderStreams {
  const run = (model: Model<Api>, start: (fetch: typeof globalThis.fetch) => AssistantMessageEventStream) => {
    const facts: HttpFacts = { ...noFacts };
    return lazyStream(model, async () => annotated(start(observedFetch(limits, facts)), facts, limits.key));
  };
  // `short` is pi-ai's default; given explicitly, the environment's PI_CACHE_RETENTION is not asked.
  const cacheRetention = 'short';
  return {
    stream: (model, context, options) =>
      run(model, (fetch) => streams.stream(model, context, { cacheRetention, ...options, fetch })),
    streamSimple: (model, context, options) =>
      run(model, (fetch) => streams.streamSimple(model, context, { cacheRetention, ...options, fetch })),
  };
}

async function* annotated(
  events: AsyncIterable<AssistantMessageEvent>,
  facts: HttpFacts,
  key: string,
): AsyncGenerator<AssistantMessageEvent> {
  const redactor = new Redactor({ shapes: false }).add('model.apiKey', key);
  for await (const event of events) {
    if (event.type === 'error') {
      const { error } = event;
      if (error.errorMessage !== undefined) error.errorMessage = redactor.text(error.errorMessage);
      appendAssistantMessageDiagnostic(error, { type: HTTP_DIAGNOSTIC, timestamp: Date.now(), details: { ...facts } });
    }
    yield event;
  }
}
