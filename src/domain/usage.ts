import type { Limits } from './session.ts';

/** What a session has used so far. */
export interface Usage {
  readonly turns: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  readonly costUsd: number;
  /** Wall time spent in chunks, in milliseconds. */
  readonly wallMs: number;
}

export const noUsage: Usage = {
  turns: 0,
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  costUsd: 0,
  wallMs: 0,
};

/** The sum of two usages. */
export function addUsage(a: Usage, b: Partial<Usage>): Usage {
  const sum = (key: keyof Usage) => a[key] + (b[key] ?? 0);
  return {
    turns: sum('turns'),
    inputTokens: sum('inputTokens'),
    outputTokens: sum('outputTokens'),
    cacheReadTokens: sum('cacheReadTokens'),
    cacheWriteTokens: sum('cacheWriteTokens'),
    costUsd: sum('costUsd'),
    wallMs: sum('wallMs'),
  };
}

/** All tokens that a provider bills. */
export function totalTokens(usage: Usage): number {
  return usage.inputTokens + usage.outputTokens + usage.cacheReadTokens + usage.cacheWriteTokens;
}

/** The first limit that does not allow another model call, in words, or null. */
export function exhaustedLimit(usage: Usage, limits: Limits): string | null {
  if (usage.turns >= limits.maxSteps) return `maxSteps ${limits.maxSteps} reached`;
  if (limits.maxTokens !== undefined && totalTokens(usage) >= limits.maxTokens) {
    return `maxTokens ${limits.maxTokens} reached (${totalTokens(usage)} used)`;
  }
  if (limits.maxCostUsd !== undefined && usage.costUsd >= limits.maxCostUsd) {
    return `maxCostUsd ${limits.maxCostUsd} reached (${usage.costUsd.toFixed(4)} used)`;
  }
  if (limits.maxWallMs !== undefined && usage.wallMs >= limits.maxWallMs) {
    return `maxWallMs ${limits.maxWallMs} reached (${usage.wallMs} used)`;
  }
  return null;
}
