import { faultSteps, type FaultPoint } from '../../src/fault-point.ts';
import type { ScenarioName } from './scenario.ts';

/** A moment in the life of a session. */
export interface Moment {
  readonly point: FaultPoint;
  /** Which hit of the point, from 1; null for whichever comes next. */
  readonly ordinal: number | null;
}

/** A row of the matrix. */
export interface Row extends Moment {
  readonly scenario: ScenarioName;
  /**
   * Where the session waits for the others before it goes on to its point: a command does not run for as long as that, and nobody
   * else could write while a transaction is open.
   */
  readonly stage?: Moment;
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

/** Where it makes a difference that a command reaches the outside. */
const outside: readonly (typeof faultSteps)[number][] = ['tool-start', 'tool-end', 'transaction-committed'];

/** All rows, in the order in which a session passes them; those of a request to an allowed host come last. */
export const rows: readonly Row[] = [...rowsOf(faultSteps, 'numbered'), ...rowsOf(outside, 'outside')];

function rowsOf(steps: readonly (typeof faultSteps)[number][], scenario: ScenarioName): Row[] {
  return steps.flatMap((step) =>
    (['before', 'after'] as const).map((side) => {
      const point: FaultPoint = `${side}:${step}`;
      const stage = stages[point];
      return { point, scenario, ordinal: ordinals[step] ?? 1, ...(stage && { stage }) };
    }),
  );
}
