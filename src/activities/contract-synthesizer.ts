import * as z from 'zod';
import { ContractDraft } from '../domain/contract.ts';
import { HoldfastError } from '../domain/failure.ts';
import type { ModelSpec } from '../domain/model-spec.ts';
import type { Usage } from '../domain/usage.ts';
import { ForcedCall, type ForcedReply, type ForcedTool } from '../model/forced-call.ts';
import type { OpenModel } from '../model/provider.ts';
import { contractPrompt, contractSystemPrompt, type ContractSources } from './contract-prompt.ts';

/** What to synthesize a contract from, and with which model. */
export interface SynthesisRequest extends ContractSources {
  readonly model: ModelSpec;
  readonly key?: string | undefined;
  readonly signal: AbortSignal;
  /** Told what all rounds have used, with their wall time, whatever came of them; no turns, for these are not the agent's. */
  readonly noteUsage: (usage: Usage) => Promise<unknown>;
}

/** What came of it. */
export interface Synthesis {
  readonly draft: ContractDraft;
  /** The model that wrote it, as its provider names it. */
  readonly writtenBy: string;
}

const ROUNDS = 2;
/** Keywords that strict tool calls of one vendor or another refuse. */
const keywords = new Set(['$schema', 'default', 'minLength', 'maxLength', 'pattern', 'minItems', 'maxItems']);

/**
 * The tool the model has to call. Limits are left to zod: strict tool calls know few keywords, and the rest would be
 * refused.
 */
export const contractTool: ForcedTool = {
  name: 'emit_contract',
  description: 'Hands the contract in: what the task needs before it can be done without anybody to ask.',
  parameters: withoutLimits(z.toJSONSchema(ContractDraft)) as Record<string, unknown>,
};

/** Writes contracts: one independent model call with one forced tool, and one round of repair. */
export class ContractSynthesizer {
  readonly #openModel: OpenModel;

  constructor(openModel: OpenModel) {
    this.#openModel = openModel;
  }

  /**
   * The model's draft of the contract, valid by {@link ContractDraft}; nothing in it has been probed yet.
   * @throws HoldfastError CONTRACT_INVALID after the repair round; MODEL_KEY_MISSING, MODEL_AUTH_FAILED, MODEL_RATE_LIMITED,
   * MODEL_UNAVAILABLE or MODEL_REJECTED from the provider, tried once; what the signal was aborted with, when it was.
   */
  async synthesize({ model, key, signal, noteUsage, ...sources }: SynthesisRequest): Promise<Synthesis> {
    signal.throwIfAborted();
    const access = this.#openModel(model, key);
    const call = new ForcedCall(access, contractSystemPrompt, contractTool);
    const begun = performance.now();
    try {
      return await this.#write(call, sources, signal);
    } finally {
      await noteUsage({ ...call.usage, wallMs: Math.round(performance.now() - begun) });
    }
  }

  async #write(call: ForcedCall, sources: ContractSources, signal: AbortSignal): Promise<Synthesis> {
    let message = contractPrompt(sources);
    let faults = '';
    for (let round = 1; round <= ROUNDS; round += 1) {
      const checked = check(await call.say(message, signal));
      if ('draft' in checked) return { draft: checked.draft, writtenBy: call.servedModel };
      faults = checked.faults;
      message = `This is not a valid contract:\n${faults}\nCall ${contractTool.name} again with all fields, corrected.`;
    }
    const details = { faults: faults.split('\n'), usage: call.usage };
    throw new HoldfastError('CONTRACT_INVALID', `The model gave no valid contract in ${ROUNDS} rounds:\n${faults}`, {
      details,
    });
  }
}

function check({ args, outOfTokens }: ForcedReply): { readonly draft: ContractDraft } | { readonly faults: string } {
  if (outOfTokens) return { faults: 'The reply was cut off at its largest size. Be shorter.' };
  if (args === null) return { faults: `${contractTool.name} was not called.` };
  const parsed = ContractDraft.safeParse(args);
  return parsed.success ? { draft: parsed.data } : { faults: z.prettifyError(parsed.error) };
}

function withoutLimits(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutLimits);
  if (typeof schema !== 'object' || schema === null) return schema;
  const kept = Object.entries(schema).filter(([key]) => !keywords.has(key));
  return Object.fromEntries(
    kept.map(([key, value]) => [key, key === 'properties' ? eachWithoutLimits(value) : withoutLimits(value)]),
  );
}

/** The keys of `properties` are names, not keywords: a property may well be called `default`. */
function eachWithoutLimits(properties: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, withoutLimits(schema)]));
}
