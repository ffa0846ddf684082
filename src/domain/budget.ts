import type { Limits } from './session.ts';
import { totalTokens, type Usage } from './usage.ts';

/** The limits that are checked before each model call, by the names under which they are set. */
export const limitNames = ['maxSteps', 'maxTokens', 'maxCostUsd', 'maxWallMs'] as const;
export type LimitName = (typeof limitNames)[number];

/** What the next model call is expected to cost at most; see `agent/model-calls.ts` for how that is estimated. */
export interface Reservation {
  readonly tokens: number;
  readonly costUsd: number;
}

/** A limit that does not allow another model call. Tokens, USD, turns or milliseconds, as the limit counts. */
export interface ReachedLimit {
  readonly limit: LimitName;
  readonly max: number;
  readonly used: number;
  /** What the next call would have needed; the limit is reached when `used` and this exceed `max`. */
  readonly reserved: number;
}

/** The share of a limit at which the agent is asked to wrap up. */
const WRAP_UP_SHARE = 0.85;

/** The first limit that has no room for the next model call, or null. The time of a call cannot be told before it. */
export function reachedLimit(usage: Usage, limits: Limits, next: Reservation): ReachedLimit | null {
  const needs = { maxSteps: 1, maxTokens: next.tokens, maxCostUsd: next.costUsd, maxWallMs: 0 };
  for (const limit of limitNames) {
    const max = limits[limit];
    const used = usedOf(usage, limit);
    if (max !== undefined && (used >= max || used + needs[limit] > max)) {
      return { limit, max, used, reserved: needs[limit] };
    }
  }
  return null;
}

/** The limits of which 85 % are used. */
export function strainedLimits(usage: Usage, limits: Limits): LimitName[] {
  return limitNames.filter((limit) => usedOf(usage, limit) >= WRAP_UP_SHARE * (limits[limit] ?? Infinity));
}

/** The wall time that is left, in milliseconds, at least 1; Infinity without a limit. */
export function leftWallMs(usage: Usage, limits: Limits): number {
  return Math.max(1, (limits.maxWallMs ?? Infinity) - usage.wallMs);
}

/** A reached limit in words. */
export function describeLimit({ limit, max, used, reserved }: ReachedLimit): string {
  const amount = (value: number) => (limit === 'maxCostUsd' ? value.toFixed(4) : String(Math.ceil(value)));
  const needs = limit === 'maxTokens' || limit === 'maxCostUsd' ? `, the next call may need ${amount(reserved)}` : '';
  return `${limit} is ${max}, ${amount(used)} used${needs}`;
}

function usedOf(usage: Usage, limit: LimitName): number {
  const used = {
    maxSteps: usage.turns,
    maxTokens: totalTokens(usage),
    maxCostUsd: usage.costUsd,
    maxWallMs: usage.wallMs,
  };
  return used[limit];
}
