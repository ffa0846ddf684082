import * as z from 'zod';
import type { Manifest } from './manifest.ts';
import type { BundleFault } from './verify-bundle.ts';

/** What is looked at in the parts; the rest of them is free. */
const SnapshotPart = z.object({ sessionId: z.string(), contract: z.string() });
const RunPart = z.object({ artifact: z.string(), log: z.string() });
const Run = RunPart.extend({ again: RunPart.nullable() }).nullable();
const ReportPart = z.object({
  sessionId: z.string(),
  snapshot: z.string().nullable(),
  digests: z.record(z.string(), z.string()),
  checks: z.array(z.object({ baseline: Run, after: Run })),
});

/** What the parts of a bundle must say of each other, so that none can be exchanged together with its line in the manifest. */
export function faultsOfContents(
  { sessionId, snapshot }: Manifest,
  texts: ReadonlyMap<string, string | null>,
  digests: ReadonlyMap<string, string>,
): BundleFault[] {
  const faults: BundleFault[] = [];
  const expect = (part: string, wanted: string | null | undefined, found: string | null | undefined, says: string) => {
    if (wanted !== found) faults.push({ part, message: `${says} ${wanted ?? 'nothing'}, not ${found ?? 'nothing'}` });
  };
  const parse = <T>(part: string, shape: z.ZodType<T>): T | null => {
    const text = texts.get(part);
    if (typeof text !== 'string') return null;
    const parsed = shape.safeParse(jsonOf(text));
    if (!parsed.success) faults.push({ part, message: 'it is not what its name says' });
    return parsed.data ?? null;
  };
  expect('snapshot.json', snapshot, digests.get('snapshot.json') ?? null, 'the manifest says that the snapshot is');
  const agreed = parse('snapshot.json', SnapshotPart);
  if (agreed !== null) {
    expect('snapshot.json', sessionId, agreed.sessionId, 'the bundle is of session');
    expect('contract.json', agreed.contract, digests.get('contract.json'), 'the snapshot was frozen with contract');
  }
  const report = parse('report.json', ReportPart);
  if (report === null) return faults;
  expect('report.json', sessionId, report.sessionId, 'the bundle is of session');
  expect('report.json', snapshot, report.snapshot, 'the snapshot is');
  expect('diff.patch', report.digests['patch'], digests.get('diff.patch'), 'the report is about patch');
  expect(
    'transcript.jsonl',
    report.digests['transcript'],
    digests.get('transcript.jsonl'),
    'the report is about transcript',
  );
  const runs = report.checks.flatMap(({ baseline, after }) => [baseline, after]);
  for (const run of runs.flatMap((one) => (one === null ? [] : [one, one.again]))) {
    if (run !== null) expect(run.artifact, run.log, digests.get(run.artifact), 'the report names log');
  }
  return faults;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
