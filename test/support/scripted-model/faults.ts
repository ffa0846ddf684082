import * as z from 'zod';
import type { Asked } from './scenario.ts';

/** What goes wrong. Events are counted from 0; a stream ends or hangs before the named one. */
export const Fault = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('status'),
    status: z.int().min(400).max(599),
    /** Value of `Retry-After`: seconds, or an HTTP date. */
    retryAfter: z.union([z.number(), z.string()]).optional(),
    /** Value of `retry-after-ms`, which some vendors send besides or instead. */
    retryAfterMs: z.number().optional(),
    message: z.string().optional(),
  }),
  /** The connection is dropped in the middle of the reply. */
  z.strictObject({ kind: z.literal('cut'), afterEvents: z.int().min(0).default(2) }),
  /** The reply stops coming, with the connection left open; 0 holds back even the headers. */
  z.strictObject({ kind: z.literal('stall'), afterEvents: z.int().min(0).default(2) }),
  /** One event's JSON is truncated. */
  z.strictObject({ kind: z.literal('malformed'), atEvent: z.int().min(0).default(2) }),
  /** Nothing fails, it only takes its time. */
  z.strictObject({
    kind: z.literal('slow'),
    ttftMs: z.int().min(0).default(0),
    pieceMs: z.int().min(0).default(0),
  }),
]);
export type Fault = z.infer<typeof Fault>;

/** A fault and the requests it is for: all given fields must match, and it happens to the first `times` of them. */
export const PlannedFault = z.strictObject({
  scenario: z.string().optional(),
  asked: z.enum(['contract', 'summary', 'turn']).optional(),
  turn: z.int().min(0).optional(),
  times: z.int().min(1).default(1),
  fault: Fault,
});
export type PlannedFault = z.infer<typeof PlannedFault>;

/** What a request is to the plan. */
export interface Occasion {
  readonly scenario: string;
  readonly asked: Asked;
  readonly turn: number;
}

/** The faults still to come. Planning them is the only thing that makes the server answer one request in two ways. */
export class Faults {
  #planned: PlannedFault[] = [];

  /** Adds faults, checked. */
  plan(faults: unknown): void {
    this.#planned.push(...z.array(PlannedFault).parse(Array.isArray(faults) ? faults : [faults]));
  }

  clear(): void {
    this.#planned = [];
  }

  /** The fault for this request, used up by it; undefined when nothing is to go wrong. */
  take(occasion: Occasion): Fault | undefined {
    const next = this.#planned.find(
      ({ scenario, asked, turn }) =>
        (scenario ?? occasion.scenario) === occasion.scenario &&
        (asked ?? occasion.asked) === occasion.asked &&
        (turn ?? occasion.turn) === occasion.turn,
    );
    if (next === undefined) return undefined;
    next.times -= 1;
    if (next.times === 0) this.#planned = this.#planned.filter((fault) => fault !== next);
    return next.fault;
  }
}
