import { kill, recover, type Column, type Component } from './components.ts';
import type { Ground, Trial } from './ground.ts';
import { hang } from './hang.ts';
import type { Cell } from './matrix.ts';
import type { Seen } from './rendezvous.ts';
import type { Moment, Row } from './rows.ts';

const ARRIVAL_MS = 90_000;
const REPEATS = 3;

/** A session on its way to its point. */
interface Candidate {
  readonly row: Row;
  readonly trial: Promise<Trial>;
  readonly violations: string[];
  /** Where it is to be held next, and who is to hear of it. */
  awaited: { readonly moment: Moment; readonly arrived: (hit: Seen) => void } | null;
}

/**
 * Runs some cells of a column at once: their sessions go side by side, each to its own point, and are held there; when all have arrived,
 * one kill hits each of them at exactly its point.
 */
export async function runWave(ground: Ground, rows: readonly Row[], component: Column): Promise<Cell[]> {
  const candidates = new Map<string, Candidate>();
  ground.rendezvous.hold = async (hit) => {
    const candidate = candidates.get((await ground.nameOf(hit.sessionId)) ?? '');
    const awaited = candidate?.awaited ?? null;
    if (candidate === undefined || awaited === null || !isAt(hit, awaited.moment)) return false;
    candidate.awaited = null;
    setImmediate(() => awaited.arrived(hit)); // Once it is held: whoever waits for it may want to let it go at once.
    return true;
  };
  for (const row of rows) {
    const name = `${row.point}-${row.scenario}-${component}`.replaceAll(/[^a-z-]/gi, '-');
    candidates.set(name, { row, trial: ground.begin(name, row.scenario), violations: [], awaited: null });
  }
  const all = [...candidates.values()];
  await gather(ground, all);
  const hung = component === 'hung worker' ? await hang(ground, await heldBy(all)) : null;
  for (const { row, violations } of all) {
    if (hung?.lost.some(({ point }) => point === row.point)) violations.push('nobody took it over');
  }
  try {
    if (component === 'worker, 3 times') await strikeAgain(ground, all);
    else if (component !== 'hung worker') await strike(ground, component);
    return await Promise.all(
      all.map(async ({ row, trial, violations }) => {
        const found = [...violations, ...(await ground.judge(await trial))];
        return { row, component, violations: found, story: found.length > 0 ? ground.storyOf(await trial) : null };
      }),
    );
  } finally {
    ground.left.push(...((await hung?.second.stop()) ?? []));
  }
}

async function strike(ground: Ground, component: Component): Promise<void> {
  await kill(ground, component);
  ground.rendezvous.release(); // Whoever is held and has not been killed goes on.
  await recover(ground, component);
}

/** Each attempt gets to the same point and is killed there, again and again. */
async function strikeAgain(ground: Ground, candidates: readonly Candidate[]): Promise<void> {
  await strike(ground, 'worker');
  for (let count = 1; count < REPEATS; count += 1) {
    await gather(ground, candidates, anyHit);
    await strike(ground, 'worker');
  }
}

function heldBy(candidates: readonly Candidate[]) {
  const held = async ({ row, trial }: Candidate) => ({ point: row.point, sessionId: (await trial).sessionId });
  return Promise.all(candidates.map(held));
}

/** Waits until all are at their points; one that never gets there has violated something. */
async function gather(ground: Ground, candidates: readonly Candidate[], which = asPlanned): Promise<void> {
  const reach = async (candidate: Candidate, moment: Moment): Promise<Seen | null> => {
    const { promise, resolve } = Promise.withResolvers<Seen | null>();
    candidate.awaited = { moment: which(moment), arrived: resolve };
    // A session that was killed at the point before may have no need to pass it again.
    const passed = which === anyHit ? ground.ended(await candidate.trial) : new Promise<never>(() => undefined);
    const timer = setTimeout(() => {
      candidate.violations.push(`${moment.point} was not reached`);
      resolve(null);
    }, ARRIVAL_MS);
    const hit = await Promise.race([promise, passed.then(() => null)]);
    clearTimeout(timer);
    candidate.awaited = null;
    return hit;
  };
  const hits = await Promise.all(candidates.map((candidate) => reach(candidate, candidate.row.stage ?? candidate.row)));
  for (const [index, candidate] of candidates.entries()) {
    const hit = hits[index];
    if (candidate.row.stage === undefined || !hit) continue;
    const arriving = reach(candidate, candidate.row);
    ground.rendezvous.release(hit.sessionId);
    await arriving;
  }
}

const asPlanned = (moment: Moment): Moment => moment;
const anyHit = ({ point }: Moment): Moment => ({ point, ordinal: null });

function isAt(hit: Seen, { point, ordinal }: Moment): boolean {
  return hit.point === point && (ordinal === null || hit.ordinal === ordinal);
}
