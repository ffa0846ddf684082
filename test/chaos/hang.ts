import { workflowIdOf } from '../../src/domain/session.ts';
import type { FaultPoint } from '../../src/fault-point.ts';
import { createClient } from '../../src/temporal/connection.ts';
import { handBackDeadAttempts } from '../../src/temporal/dead-attempts.ts';
import type { Ground } from './ground.ts';
import { SecondWorker } from './second-worker.ts';

const TAKE_OVER_MS = 60_000;

/** A session that the worker is held with, and the point at which it is. */
export interface Held {
  readonly sessionId: string;
  readonly point: FaultPoint;
}

/** A worker's own points; within a transaction it would hang with SQLite's lock in its hand. */
export function canHang(point: FaultPoint): boolean {
  const others: readonly FaultPoint[] = ['before:entries-written', 'before:transaction-committed'];
  return !point.endsWith(':workflow-started') && !others.includes(point);
}

/**
 * Stops the worker in its tracks until another one has taken over everything that it was at; then it wakes up and goes on, knowing
 * nothing. The other one is answered, to be stopped when all is over.
 */
export async function hang(ground: Ground, held: readonly Held[]): Promise<SecondWorker> {
  const { holdfast } = ground.setting;
  const hung = holdfast.pid('worker');
  ground.noteKill('hung worker');
  process.kill(hung, 'SIGSTOP');
  try {
    const second = await SecondWorker.start(holdfast);
    await takeOver(ground, held, { hung, second: second.pid });
    return second;
  } finally {
    process.kill(hung, 'SIGCONT');
    ground.rendezvous.release();
  }
}

/** Hands back what the hung worker holds, again and again: Temporal goes on giving it work as long as its connection stands. */
async function takeOver(ground: Ground, held: readonly Held[], pids: { hung: number; second: number }): Promise<void> {
  const { rendezvous, setting, store } = ground;
  const connectionOptions = { address: setting.holdfast.temporalAddress };
  const client = createClient({ connectionOptions, namespace: 'default' });
  const isHung = (identity: string): boolean => identity.split(':').includes(String(pids.hung));
  const isTaken = ({ sessionId, point }: Held): boolean =>
    // Whoever takes over a webhook that is recorded as delivered finds nothing to do.
    point === 'after:webhook-recorded' ||
    rendezvous.hitsOf(sessionId).some((hit) => hit.pid === pids.second && hit.point === beginningOf(point));
  const end = performance.now() + TAKE_OVER_MS;
  while (!held.every(isTaken)) {
    if (performance.now() > end) throw new Error('The hung worker was not taken over.');
    const webhooks = (await store.deliveries.pending()).map((id) => `webhook/${id}`);
    const workflows = [...held.map(({ sessionId }) => workflowIdOf(sessionId)), ...webhooks];
    await handBackDeadAttempts(client, workflows, isHung);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await client.connection.close();
}

/** Where the attempt begins that passes a point: who passes it anew has taken over. */
function beginningOf(point: FaultPoint): FaultPoint {
  const step = point.replace(/^(before|after):/, '');
  if (point === 'after:push-acknowledged' || step === 'end-announced') return point;
  if (step === 'commit' || step.startsWith('push')) return 'before:commit';
  if (step === 'webhook-sent' || step === 'webhook-recorded') return 'before:webhook-sent';
  if (step === 'snapshot-frozen') return 'before:snapshot-frozen';
  return step === 'verification' ? 'before:verification' : 'before:session-claimed';
}
