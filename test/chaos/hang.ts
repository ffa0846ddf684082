import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { workflowIdOf } from '../../src/domain/session.ts';
import type { FaultPoint } from '../../src/fault-point.ts';
import { createClient } from '../../src/temporal/connection.ts';
import { handBackDeadAttempts } from '../../src/temporal/dead-attempts.ts';
import { until } from '../support/holdfast.ts';
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
 * nothing. The other one is answered, to be stopped when all is over, and what it did not take over in time.
 */
export async function hang(
  ground: Ground,
  held: readonly Held[],
): Promise<{ readonly second: SecondWorker; readonly lost: readonly Held[] }> {
  const { holdfast } = ground.setting;
  const hung = holdfast.pid('worker');
  ground.noteKill('hung worker');
  await freeze(hung, join(holdfast.dataDir, 'sessions', 'records.db'));
  try {
    const second = await SecondWorker.start(holdfast);
    const lost = await takeOver(ground, held, { hung, second: second.pid });
    return { second, lost };
  } finally {
    process.kill(hung, 'SIGCONT');
    ground.rendezvous.release();
  }
}

/** Stops a process outside of any transaction: one that hangs with SQLite's lock in its hand stops everybody, until it is killed. */
async function freeze(pid: number, database: string): Promise<void> {
  await until(() => {
    process.kill(pid, 'SIGSTOP');
    if (isWritable(database)) return true;
    process.kill(pid, 'SIGCONT');
    return false;
  });
}

function isWritable(database: string): boolean {
  const db = new DatabaseSync(database, { timeout: 200 });
  try {
    db.exec('BEGIN IMMEDIATE; ROLLBACK');
    return true;
  } catch {
    return false;
  } finally {
    db.close();
  }
}

/** Hands back what the hung worker holds, again and again: Temporal goes on giving it work as long as its connection stands. */
async function takeOver(
  ground: Ground,
  held: readonly Held[],
  pids: { hung: number; second: number },
): Promise<Held[]> {
  const { rendezvous, setting, store } = ground;
  const connectionOptions = { address: setting.holdfast.temporalAddress };
  const client = createClient({ connectionOptions, namespace: 'default' });
  const isHung = (identity: string): boolean => identity.split(':').includes(String(pids.hung));
  const isTaken = ({ sessionId, point }: Held): boolean =>
    // Whoever takes over a webhook that is recorded as delivered finds nothing to do.
    point === 'after:webhook-recorded' ||
    rendezvous.hitsOf(sessionId).some((hit) => hit.pid === pids.second && hit.point === beginningOf(point));
  const end = performance.now() + TAKE_OVER_MS;
  while (!held.every(isTaken) && performance.now() < end) {
    const webhooks = (await store.deliveries.pending()).map((id) => `webhook/${id}`);
    const workflows = [...held.map(({ sessionId }) => workflowIdOf(sessionId)), ...webhooks];
    await handBackDeadAttempts(client, workflows, isHung);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await client.connection.close();
  return held.filter((session) => !isTaken(session));
}

/** Where the attempt begins that passes a point: who passes it anew has taken over. */
function beginningOf(point: FaultPoint): FaultPoint {
  const step = point.replace(/^(before|after):/, '');
  if (point === 'after:push-acknowledged' || step === 'end-announced') return point;
  if (step === 'commit' || step.startsWith('push') || step === 'pull-request') return 'before:commit';
  if (step === 'webhook-sent' || step === 'webhook-recorded') return 'before:webhook-sent';
  if (step === 'verification') return 'before:verification';
  // What is frozen is not frozen again: the next attempt goes on to the first chunk.
  return point === 'before:snapshot-frozen' ? point : 'before:session-claimed';
}
