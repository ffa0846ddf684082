import { calculateCost, type Api, type AssistantMessage, type Model } from '@earendil-works/pi-ai';
import type { AgentSession } from '@earendil-works/pi-coding-agent';
import { describeLimit, reachedLimit, type Reservation } from '../domain/budget.ts';
import { HoldfastError } from '../domain/failure.ts';
import type { Limits } from '../domain/session.ts';
import type { Ledger } from './ledger.ts';
import { replayed } from './replay.ts';
import type { StopSignal } from './stop-signal.ts';
import { isGood, usageOf } from './transcript.ts';

/** What calls of the model are held against. */
export interface CallTerms {
  readonly ledger: Ledger;
  readonly limits: Limits;
  readonly stop: StopSignal;
  /** A reply that had arrived before a crash: the first turn's request is answered with it, and nobody is asked. */
  readonly reply: AssistantMessage | null;
}

const CHARS_PER_TOKEN = 4;

/**
 * The one gate through which every request of a session goes: turns, nudged turns, and the summaries of a compaction. Before each, what
 * it may cost is reserved; where a limit has no room for it, the run is stopped with BUDGET_REACHED and nobody is asked. Reserved are
 * the context as its size was last told by the provider, at the price of a cold cache, and as much output as the longest reply of the
 * session so far (nothing before the first: a model's own maximum is rarely near the truth, and would leave much of a budget unused).
 * So a limit is overshot by one call at most, and by none whose reply is not the longest yet. A reply that is paid for is used up,
 * whatever the limits say.
 */
export class ModelCalls {
  readonly #terms: CallTerms;
  #session: AgentSession | undefined;
  #reply: AssistantMessage | null;
  #longestReply = 0;
  #isTurn = false;
  #failedSummary: AssistantMessage | null = null;

  constructor(terms: CallTerms) {
    this.#terms = terms;
    this.#reply = terms.reply;
  }

  /** True until the recorded reply has been given again. */
  get replays(): boolean {
    return this.#reply !== null;
  }

  /** True when a call has been refused, or would be: the run has been stopped. */
  get refused(): boolean {
    return this.#terms.stop.reason !== null;
  }

  /** The summary that failed last, or null. */
  get failedSummary(): AssistantMessage | null {
    return this.#failedSummary;
  }

  /** Hooks into a session; call it once, before the session runs. */
  attach(session: AgentSession): void {
    const { agent, sessionManager } = session;
    this.#session = session;
    for (const entry of sessionManager.getEntries()) {
      if (entry.type === 'message' && entry.message.role === 'assistant') this.#noteReply(entry.message);
    }
    const { prepareRequest, streamFunction } = agent;
    // Only a turn's request is prepared: a compaction asks the provider at once.
    agent.prepareRequest = async (...request) => {
      this.#isTurn = true;
      return (await prepareRequest?.(...request)) ?? undefined;
    };
    agent.streamFunction = async (model, context, options) => {
      const isTurn = this.#isTurn;
      this.#isTurn = false;
      const known = isTurn ? this.#reply : null;
      if (known !== null) {
        this.#reply = null;
        this.#noteReply(known);
        return replayed(known);
      }
      this.#assertRoom(isTurn ? this.#nextTurn(model) : this.#cost(model, textTokens(context.messages)));
      const stream = await streamFunction(model, context, options);
      void stream.result().then((reply) => this.#count(reply, isTurn));
      return stream;
    };
  }

  /** True when the limits have room for one more turn. */
  hasRoom(): boolean {
    const { ledger, limits } = this.#terms;
    const model = this.#session?.model;
    return model !== undefined && reachedLimit(ledger.total, limits, this.#nextTurn(model)) === null;
  }

  #assertRoom(next: Reservation): void {
    const { ledger, limits, stop } = this.#terms;
    const reached = reachedLimit(ledger.total, limits, next);
    if (reached !== null) {
      const message = `The budget is used up: ${describeLimit(reached)}. Everything is kept.`;
      stop.stop(new HoldfastError('BUDGET_REACHED', message, { details: { ...reached } }));
    }
    // pi makes a failed reply of it, which is not recorded; the run's end looks at the reason.
    if (stop.reason !== null) throw new Error(`[holdfast] The run has been stopped: ${stop.reason.code}`);
  }

  /** A turn's reply is counted by whoever records it; what fails or belongs to no turn is counted here. */
  #count(reply: AssistantMessage, isTurn: boolean): void {
    this.#noteReply(reply);
    if (!isTurn || !isGood(reply)) this.#terms.ledger.countCall(usageOf(reply));
    if (!isTurn) this.#failedSummary = isGood(reply) ? null : reply;
  }

  #noteReply({ usage }: AssistantMessage): void {
    this.#longestReply = Math.max(this.#longestReply, usage.output);
  }

  #nextTurn(model: Model<Api>): Reservation {
    const { maxTokens, maxCostUsd } = this.#terms.limits;
    if (maxTokens === undefined && maxCostUsd === undefined) return { tokens: 0, costUsd: 0 };
    const known = this.#session?.getContextUsage()?.tokens;
    return this.#cost(model, known ?? textTokens(this.#session?.messages ?? []));
  }

  #cost(model: Model<Api>, input: number): Reservation {
    const output = this.#longestReply;
    const none = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, total: 0 };
    const price = (tokens: { input: number; cacheWrite: number }) =>
      calculateCost(model, { ...tokens, output, cacheRead: 0, totalTokens: input + output, cost: { ...none } }).total;
    const costUsd = Math.max(price({ input, cacheWrite: 0 }), price({ input: 0, cacheWrite: input }));
    return { tokens: input + output, costUsd };
  }
}

/** The size of what is said, where no provider has told it yet: about four characters a token. */
function textTokens(messages: readonly object[]): number {
  return Math.ceil(JSON.stringify(messages).length / CHARS_PER_TOKEN);
}
