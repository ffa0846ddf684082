import type { HoldfastClient } from './client.ts';
import { credentialOptions, credentialsOf, credentialUsage } from './credential-options.ts';
import { limitOptions, limitsOf, limitUsage, numberOf } from './limit-options.ts';

/** How `holdfast fork` is called. */
export const forkUsage = `fork <id> [--checkpoint n] [--prompt text] ${limitUsage} ${credentialUsage}`;

/** Options of `holdfast fork`, as parseArgs takes them. */
export const forkOptions = {
  checkpoint: { type: 'string' },
  prompt: { type: 'string' },
  ...limitOptions,
  ...credentialOptions,
} as const;

/**
 * The body of `POST …/fork`.
 * @throws UsageError naming the option that is no number or no readable file.
 */
export function forkBody(values: Readonly<Record<string, unknown>>): object {
  const checkpoint = numberOf(values, 'checkpoint', { whole: true });
  return { checkpoint, userPrompt: values['prompt'], limits: limitsOf(values), credentials: credentialsOf(values) };
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
