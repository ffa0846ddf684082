import { HoldfastError } from './domain/failure.ts';

/** What happens to a session, step by step, as the kill matrix names it. */
export const faultSteps = [
  'workflow-started',
  'snapshot-frozen',
  'session-claimed',
  'model-request',
  'stream',
  'entries-written',
  'tool-start',
  'tool-end',
  'tree-written',
  'transaction-committed',
  'chunk-returned',
  'verification',
  'commit',
  'push-sent',
  'push-acknowledged',
  'pull-request',
  'end-announced',
  'webhook-sent',
  'webhook-recorded',
] as const;

/** A moment at which a test can stop or kill the process. */
export type FaultPoint = `${'before' | 'after'}:${(typeof faultSteps)[number]}`;

/** What a test's server is told about a hit. */
export interface FaultHit {
  readonly point: FaultPoint;
  /** From 1, among the hits of this point for this session in this process. */
  readonly nth: number;
  readonly sessionId: string;
  /** `worker` or `api`. */
  readonly process: string;
  readonly pid: number;
}

/** A test that has died must not hold the process for longer. */
const MAX_HOLD_MS = 120_000;

let hit: ((point: FaultPoint, sessionId: string) => Promise<void>) | undefined;

/** Names a moment. Does nothing at all unless a test has armed the points of this process. */
export function faultPoint(point: FaultPoint, sessionId: string): Promise<void> | undefined {
  return hit?.(point, sessionId);
}

/** True when a test has armed the points of this process. */
export function isArmed(): boolean {
  return hit !== undefined;
}

/**
 * Arms the points of this process, FOR TESTS ONLY, by the value of `TEST_FAULT_POINTS`; without one nothing happens.
 * - `http://127.0.0.1:<port>/…`: each hit is posted there as a {@link FaultHit}, and the process waits for the answer, in which it may
 *   be killed. Only loopback is taken; a server that is gone is not waited for.
 * - `kill <point> <n>`: the process kills itself at the n-th hit of the point, whatever the session.
 * @param warn gets told, loudly, that this is no server to be used.
 * @throws HoldfastError INVALID_REQUEST for another value, and for any value where NODE_ENV is `production`
 */
export function armFaultPoints(
  setting: string | undefined,
  name: string,
  warn: (facts: object, message: string) => void,
): void {
  hit = undefined;
  if (!setting) return;
  hit = isProduction() ? undefined : (suicide(setting) ?? rendezvous(setting, name));
  if (hit === undefined) {
    throw new HoldfastError(
      'INVALID_REQUEST',
      'TEST_FAULT_POINTS is for tests only and names no test on this machine.',
      {
        remedy: 'Unset TEST_FAULT_POINTS.',
      },
    );
  }
  warn({ setting }, 'TEST_FAULT_POINTS is set: a test may stop or KILL this process at any moment');
}

function isProduction(): boolean {
  return process.env['NODE_ENV'] === 'production';
}

function suicide(setting: string): typeof hit {
  const [, wanted, nth] = /^kill ((?:before|after):[a-z-]+) (\d+)$/.exec(setting) ?? [];
  if (wanted === undefined) return undefined;
  let left = Number(nth);
  return async (point) => {
    if (point === wanted && --left === 0) process.kill(process.pid, 'SIGKILL');
  };
}

function rendezvous(setting: string, name: string): typeof hit {
  if (!URL.canParse(setting)) return undefined;
  const { protocol, hostname } = new URL(setting);
  if (protocol !== 'http:' || hostname !== '127.0.0.1') return undefined;
  const counts = new Map<string, number>();
  return async (point, sessionId) => {
    const nth = (counts.get(`${point} ${sessionId}`) ?? 0) + 1;
    counts.set(`${point} ${sessionId}`, nth);
    const told: FaultHit = { point, nth, sessionId, process: name, pid: process.pid };
    const request = { method: 'POST', body: JSON.stringify(told), signal: AbortSignal.timeout(MAX_HOLD_MS) };
    await fetch(setting, request)
      .then((answer) => answer.arrayBuffer())
      .catch(() => undefined);
  };
}
