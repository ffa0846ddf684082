import type { HoldfastClient } from './client.ts';
import { credentialOptions, credentialsOf } from './credential-options.ts';
import { UsageError } from './usage-error.ts';

/** Options of `holdfast fork`, as parseArgs takes them. */
export const forkOptions = {
  checkpoint: { type: 'string' },
  prompt: { type: 'string' },
  'max-steps': { type: 'string' },
  'max-tokens': { type: 'string' },
  'max-cost-usd': { type: 'string' },
  ...credentialOptions,
} as const;

/**
 * The body of `POST …/fork`.
 * @throws UsageError naming the option that is no number or no readable file.
 */
export function forkBody(values: Readonly<Record<string, unknown>>): object {
  const checkpoint = numberOf(values, 'checkpoint');
  const limits = {
    maxSteps: numberOf(values, 'max-steps'),
    maxTokens: numberOf(values, 'max-tokens'),
    maxCostUsd: numberOf(values, 'max-cost-usd'),
  };
  return { checkpoint, userPrompt: values['prompt'], limits, credentials: credentialsOf(values) };
}

interface Checkpoints {
  readonly items: readonly unknown[];
  readonly nextCursor: string | null;
}

/** All checkpoints of a session, newest first. */
export async function allCheckpoints(client: HoldfastClient, path: string): Promise<unknown[]> {
  const items: unknown[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const page: Checkpoints = await client.call<Checkpoints>('GET', `${path}/checkpoints?limit=100${query}`);
    items.push(...page.items);
    cursor = page.nextCursor;
  }
  return items;
}

function numberOf(values: Readonly<Record<string, unknown>>, name: string): number | undefined {
  const value = values[name];
  if (typeof value !== 'string') return undefined;
  if (!/^\d+(\.\d+)?$/.test(value)) throw new UsageError(`--${name} must be a number.`);
  return Number(value);
}
