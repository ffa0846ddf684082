/** What a session has used so far. */
export interface Usage {
  readonly turns: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  readonly costUsd: number;
  /** Wall time of execution, in milliseconds: what passes between turns of two chunks, or in a pause, is not counted. */
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
