const MAX_MS = 3_600_000;

/**
 * How long a `Retry-After` header asks to wait (RFC 9110 §10.2.3: seconds or a date), in milliseconds, at most an hour; null without one.
 * @param nowMs epoch milliseconds
 */
export function retryAfterMs(header: string | readonly string[] | undefined, nowMs: number): number | null {
  if (typeof header !== 'string') return null;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), MAX_MS) : null;
}
