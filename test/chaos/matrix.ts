import type { FaultPoint } from '../../src/fault-point.ts';
import { faultSteps } from '../../src/fault-point.ts';
import { columns, kill, recover, type Column, type Component } from './components.ts';
import type { Ground, Trial } from './ground.ts';
import { canHang, hang, type Held } from './hang.ts';
import type { Seen } from './rendezvous.ts';

const ARRIVAL_MS = 90_000;
/** Cells that share a kill; more would only wait for the processor. */
const WAVE = 12;

/** A moment in the life of a session. */
interface Moment {
  readonly point: FaultPoint;
  /** Which hit of the point, from 1. */
  readonly ordinal: number;
}

/** A row of the matrix. */
export interface Row extends Moment {
  /**
   * Where the session waits for the others before it goes on to its point: a command does not run for as long as that, and nobody
   * else could write while a transaction is open.
   */
  readonly stage?: Moment;
}

/** One kill, as the matrix shows it. */
export interface Cell {
  readonly row: Row;
  readonly component: Column;
  /** What the session violated; empty when it came through. */
  readonly violations: readonly string[];
}

/** In the second turn, where there is one before and one after it; the fifth write of entries is that turn's reply. */
const ordinals: Readonly<Partial<Record<(typeof faultSteps)[number], number>>> = {
  'model-request': 2,
  stream: 2,
  'entries-written': 3,
  'tool-start': 2,
  'tool-end': 2,
  'tree-written': 2,
  'transaction-committed': 2,
  'webhook-sent': 3,
  'webhook-recorded': 3,
};

const stages: Readonly<Partial<Record<FaultPoint, Moment>>> = {
  'after:model-request': { point: 'before:model-request', ordinal: 2 },
  'after:tool-start': { point: 'before:tool-start', ordinal: 2 },
  'before:entries-written': { point: 'after:stream', ordinal: 2 },
  'before:transaction-committed': { point: 'after:tree-written', ordinal: 2 },
};

/** All rows, in the order in which a session passes them. */
export const rows: readonly Row[] = faultSteps.flatMap((step) =>
  (['before', 'after'] as const).map((side) => {
    const point: FaultPoint = `${side}:${step}`;
    const stage = stages[point];
    return { point, ordinal: ordinals[step] ?? 1, ...(stage && { stage }) };
  }),
);

/** Which cells are run. */
export interface Selection {
  readonly points: readonly string[];
  readonly components: readonly string[];
}

/**
 * Runs the matrix. Several sessions go side by side, each to its own point, and are held there; when all have arrived, one kill hits
 * each of them at exactly its point.
 */
export async function runMatrix(ground: Ground, selection: Selection, tell: (line: string) => void): Promise<Cell[]> {
  const chosen = rows.filter(({ point }) => selection.points.length === 0 || selection.points.includes(point));
  const cells: Cell[] = [];
  for (const component of columns) {
    if (selection.components.length > 0 && !selection.components.includes(component)) continue;
    const applicable = chosen.filter(({ point }) => component !== 'hung worker' || canHang(point));
    for (let first = 0; first < applicable.length; first += WAVE) {
      const started = performance.now();
      const wave = await runWave(ground, applicable.slice(first, first + WAVE), component);
      cells.push(...wave);
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      const red = wave.filter(({ violations }) => violations.length > 0);
      tell(`${component}: ${wave.length - red.length} of ${wave.length} points came through in ${seconds} s`);
      for (const { row, violations } of red) tell(`  RED ${row.point}\n    ${violations.join('\n    ')}`);
    }
  }
  return cells;
}

/** A session on its way to its point. */
interface Candidate {
  readonly row: Row;
  readonly trial: Promise<Trial>;
  readonly staged: PromiseWithResolvers<Seen>;
  readonly arrived: PromiseWithResolvers<Seen>;
}

async function runWave(ground: Ground, wave: readonly Row[], component: Column): Promise<Cell[]> {
  const { rendezvous } = ground;
  const candidates = new Map<string, Candidate>();
  rendezvous.hold = async (hit) => {
    const candidate = candidates.get((await ground.nameOf(hit.sessionId)) ?? '');
    if (candidate === undefined) return false;
    const { row, staged, arrived } = candidate;
    if (row.stage !== undefined && isAt(hit, row.stage)) return settle(staged, hit);
    return isAt(hit, row) && settle(arrived, hit);
  };
  for (const row of wave) {
    const name = `${row.point}-${component}`.replaceAll(/[: ]/g, '-');
    const waits = { staged: Promise.withResolvers<Seen>(), arrived: Promise.withResolvers<Seen>() };
    candidates.set(name, { row, trial: ground.begin(name), ...waits });
  }
  const missing = await gather(ground, [...candidates.values()]);
  const second = component === 'hung worker' ? await hang(ground, await heldBy(candidates)) : null;
  try {
    if (component !== 'hung worker') await strike(ground, component);
    return await Promise.all(
      [...candidates.values()].map(async ({ row, trial }) => {
        const unreached = missing.has(row) ? ['the point was not reached'] : [];
        return { row, component, violations: [...unreached, ...(await ground.judge(await trial))] };
      }),
    );
  } finally {
    ground.left.push(...((await second?.stop()) ?? []));
  }
}

async function strike(ground: Ground, component: Component): Promise<void> {
  await kill(ground, component);
  ground.rendezvous.release(); // Whoever is held and has not been killed goes on.
  await recover(ground, component);
}

function heldBy(candidates: ReadonlyMap<string, Candidate>): Promise<Held[]> {
  const held = async ({ row, trial }: Candidate) => ({ point: row.point, sessionId: (await trial).sessionId });
  return Promise.all([...candidates.values()].map(held));
}

/** Waits until all are at their points; answers those that never got there. */
async function gather(ground: Ground, candidates: readonly Candidate[]): Promise<Set<Row>> {
  const missing = new Set<Row>();
  const reach = async (row: Row, waiting: Promise<Seen>): Promise<Seen | null> => {
    const hit = await Promise.race([waiting, timeout(ARRIVAL_MS)]);
    if (hit === null) missing.add(row);
    return hit;
  };
  const first = candidates.map(({ row, staged, arrived }) => reach(row, (row.stage ? staged : arrived).promise));
  const hits = await Promise.all(first);
  for (const [index, { row, arrived }] of candidates.entries()) {
    const hit = hits[index];
    if (row.stage === undefined || !hit) continue;
    ground.rendezvous.release(hit.sessionId);
    await reach(row, arrived.promise);
  }
  return missing;
}

function isAt(hit: Seen, { point, ordinal }: Moment): boolean {
  return hit.point === point && hit.ordinal === ordinal;
}

function settle(waiting: PromiseWithResolvers<Seen>, hit: Seen): true {
  // Only once the answer is being held: whoever waits may want to let it go at once.
  setImmediate(() => waiting.resolve(hit));
  return true;
}

function timeout(ms: number): Promise<null> {
  return new Promise((resolve) => setTimeout(() => resolve(null), ms).unref());
}
