import {
  createModels,
  type Api,
  type ApiStreamOptions,
  type AssistantMessage,
  type Message,
  type Model,
  type Models,
  type Tool,
} from '@earendil-works/pi-ai';
import type { HoldfastError } from '../domain/failure.ts';
import { addUsage, noUsage, type Usage } from '../domain/usage.ts';
import { classifyModelError } from './classify.ts';
import type { ModelAccess } from './provider.ts';

/**
 * A tool that the model has to call. `parameters` is JSON Schema: every property required, no `$ref`, no unions of
 * objects.
 */
export interface ForcedTool {
  readonly name: string;
  readonly description: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** What the model did. */
export interface ForcedReply {
  /** The arguments of the call; null when it did not call the tool. */
  readonly args: Readonly<Record<string, unknown>> | null;
  /** True when the reply ended because the output tokens ran out. */
  readonly outOfTokens: boolean;
}

const MAX_OUTPUT_TOKENS = 8_192;

/** A conversation in which each reply must be a call of one tool. It sees no tool but this one and no environment. */
export class ForcedCall {
  readonly #models: Models;
  readonly #model: Model<Api>;
  readonly #system: string;
  readonly #tool: Tool;
  readonly #messages: Message[] = [];
  #usage: Usage = noUsage;

  constructor({ provider, model }: ModelAccess, system: string, tool: ForcedTool) {
    const models = createModels({ authContext: { env: async () => undefined, fileExists: async () => false } });
    models.setProvider(provider);
    this.#models = models;
    this.#model = withoutThinking(model);
    this.#system = system;
    this.#tool = {
      name: tool.name,
      description: tool.description,
      parameters: tool.parameters as unknown as Tool['parameters'],
      constrainedSampling: { type: 'json_schema', strict: 'prefer' },
    };
  }

  /** What all rounds so far have used; no turns and no wall time, for these are the agent's. */
  get usage(): Usage {
    return this.#usage;
  }

  /** The model that gave the last reply; a provider that names none is taken to have served what was asked for. */
  get servedModel(): string {
    const reply = this.#messages.findLast(({ role }) => role === 'assistant') as AssistantMessage | undefined;
    return reply?.responseModel ?? this.#model.id;
  }

  /**
   * Says something and takes the answer. After a reply with a call, `text` is that call's result, marked as an error.
   * @throws HoldfastError MODEL_* for a reply that failed; what the signal was aborted with, when it was.
   */
  async say(text: string, signal: AbortSignal): Promise<ForcedReply> {
    this.#messages.push(this.#next(text));
    const reply = await this.#complete(signal, true);
    this.#messages.push(reply);
    const call = callIn(reply, this.#tool.name);
    return { args: call?.arguments ?? null, outOfTokens: reply.stopReason === 'length' };
  }

  #next(text: string): Message {
    const last = this.#messages.at(-1);
    const call = last?.role === 'assistant' ? callIn(last, this.#tool.name) : undefined;
    const timestamp = Date.now();
    if (call === undefined) return { role: 'user', content: text, timestamp };
    const content = [{ type: 'text' as const, text }];
    return { role: 'toolResult', toolCallId: call.id, toolName: call.name, content, isError: true, timestamp };
  }

  async #complete(signal: AbortSignal, forced: boolean): Promise<AssistantMessage> {
    const maxTokens = Math.min(MAX_OUTPUT_TOKENS, this.#model.maxTokens);
    const options = {
      signal,
      maxTokens,
      maxRetries: 0,
      ...(forced && { toolChoice: forcedChoice(this.#model.api, this.#tool.name) }),
    };
    const context = { systemPrompt: this.#system, messages: [...this.#messages], tools: [this.#tool] };
    const reply = await this.#models.complete(this.#model, context, options as ApiStreamOptions<Api>);
    this.#count(reply.usage);
    signal.throwIfAborted();
    if (reply.stopReason !== 'error' && reply.stopReason !== 'aborted') return reply;
    const failure = classifyModelError(reply);
    // Some endpoints and some thinking models refuse to be forced; the only tool on offer and the prompt must do then.
    if (forced && refusesForce(failure)) return this.#complete(signal, false);
    throw failure;
  }

  #count(usage: AssistantMessage['usage']): void {
    this.#usage = addUsage(this.#usage, {
      inputTokens: usage.input,
      outputTokens: usage.output,
      cacheReadTokens: usage.cacheRead,
      cacheWriteTokens: usage.cacheWrite,
      costUsd: usage.cost.total,
    });
  }
}

/** Each API has its own words for "this tool and no other". */
function forcedChoice(api: Api, name: string): unknown {
  if (api === 'anthropic-messages') return { type: 'tool', name };
  if (api === 'openai-completions') return { type: 'function', function: { name } };
  return api === 'openai-responses' ? { type: 'function', name } : undefined;
}

function refusesForce(failure: HoldfastError): boolean {
  return failure.code === 'MODEL_REJECTED' && /tool_choice|tool choice/i.test(failure.message);
}

/** Anthropic refuses a forced call together with thinking, which some models of the catalogue always ask for. */
function withoutThinking(model: Model<Api>): Model<Api> {
  if (model.api !== 'anthropic-messages') return model;
  const compat = { ...(model as Model<'anthropic-messages'>).compat, supportsMidConvoEffort: false };
  return { ...model, reasoning: false, compat } as Model<Api>;
}

function callIn(message: AssistantMessage, name: string) {
  return message.content.find((part) => part.type === 'toolCall' && part.name === name) as
    | (AssistantMessage['content'][number] & { readonly type: 'toolCall' })
    | undefined;
}
