import * as z from 'zod';
import { jsonOf } from '../digest/canonical-json.ts';
import type { BundleFault } from './verify-bundle.ts';

const OneRun = z.looseObject({
  command: z.string(),
  exitCode: z.number().nullable(),
  reason: z.string(),
  artifact: z.string(),
  log: z.string(),
  tests: z.number().optional(),
  ranNoTest: z.literal(true).optional(),
});
const Run = OneRun.extend({ again: OneRun.omit({ command: true }).nullable() });

const verdicts = ['fixed', 'passing', 'regressed', 'still_failing', 'flaky', 'not_run'] as const;
const Checks = z.array(
  z.looseObject({
    command: z.string(),
    verdict: z.enum(verdicts),
    claimed: z.literal(true).optional(),
    baseline: Run.nullable(),
    after: Run.nullable(),
    note: z.string().nullable(),
  }),
);

/** What is looked at in the parts; the rest of them is free. */
const Snapshot = z.object({
  sessionId: z.string(),
  contract: z.string(),
  testStrategy: z.enum(['full', 'incremental', 'skip']),
  acceptance: z.array(z.string()),
});
const Report = z.object({
  sessionId: z.string(),
  outcome: z.string(),
  snapshot: z.string().nullable(),
  commit: z.string().nullable(),
  tree: z.string().nullable(),
  verified: z.boolean(),
  digests: z.record(z.string(), z.string()),
  checks: Checks,
  /** Reports of older versions have none. */
  drift: z.array(z.unknown()).optional(),
});
const Session = z.object({
  sessionId: z.string(),
  state: z.string(),
  frozen: z.object({ digest: z.string() }).nullable(),
  result: z.object({ commit: z.string().nullable(), tree: z.string(), verified: z.boolean() }).nullish(),
});

const Round = z.object({ round: z.int(), tree: z.string(), checks: Checks });
const Event = z.object({ sessionId: z.string(), seq: z.int(), type: z.string(), data: z.unknown() });

/** The parts of a bundle as far as they are looked into; null for what is not there, or not what its name says. */
export interface BundleContents {
  readonly snapshot: z.infer<typeof Snapshot> | null;
  readonly report: z.infer<typeof Report> | null;
  readonly session: z.infer<typeof Session> | null;
  /** In their order. */
  readonly rounds: readonly z.infer<typeof Round>[];
  readonly events: readonly z.infer<typeof Event>[] | null;
}

/** Reads the parts; what is not what its name says is added to the faults. */
export function readContents(texts: ReadonlyMap<string, string | null>, faults: BundleFault[]): BundleContents {
  const parse = <T>(part: string, shape: z.ZodType<T>, value: unknown): T | null => {
    const parsed = shape.safeParse(value);
    if (!parsed.success) faults.push({ part, message: 'it is not what its name says' });
    return parsed.data ?? null;
  };
  const read = <T>(part: string, shape: z.ZodType<T>): T | null => {
    const text = texts.get(part);
    return typeof text === 'string' ? parse(part, shape, jsonOf(text)) : null;
  };
  const rounds = [...texts].flatMap(([name, text]) => {
    const round = /^checks\/round-\d+\.json$/.test(name) ? parse(name, Round, jsonOf(text ?? '')) : null;
    return round === null ? [] : [round];
  });
  const lines = texts.get('events.jsonl')?.split('\n').filter(Boolean);
  const events = lines?.map((line) => parse('events.jsonl', Event, jsonOf(line))).filter((event) => event !== null);
  return {
    snapshot: read('snapshot.json', Snapshot),
    report: read('report.json', Report),
    session: read('session.json', Session),
    rounds: rounds.toSorted((one, other) => one.round - other.round),
    events: events ?? null,
  };
}
