import { canonicalJson } from '../digest/canonical-json.ts';
import { standingOf } from '../domain/gate.ts';
import { judge } from '../domain/verdict.ts';
import { readContents, type BundleContents } from './bundle-contents.ts';
import type { Manifest } from './manifest.ts';
import type { BundleFault } from './verify-bundle.ts';

type Report = NonNullable<BundleContents['report']>;
type Fact = string | number | boolean | null | undefined;
type Expect = (part: string, wanted: Fact, found: Fact, says: string) => void;

/**
 * What the parts of a bundle must say of each other, so that none can be exchanged together with its line in the manifest; and what
 * must follow from them: each verdict is drawn again from both runs, and `verified` from the verdicts.
 */
export function contradictionsIn(
  { sessionId, snapshot, state }: Manifest,
  texts: ReadonlyMap<string, string | null>,
  digests: ReadonlyMap<string, string>,
): BundleFault[] {
  const faults: BundleFault[] = [];
  const expect: Expect = (part, wanted, found, says) => {
    if (wanted !== found) faults.push({ part, message: `${says} ${shown(wanted)}, not ${shown(found)}` });
  };
  const contents = readContents(texts, faults);
  const { events, report, session, snapshot: agreed } = contents;
  expect('snapshot.json', snapshot, digests.get('snapshot.json') ?? null, 'the manifest says that the snapshot is');
  if (agreed !== null) {
    expect('snapshot.json', sessionId, agreed.sessionId, 'the bundle is of session');
    expect('contract.json', agreed.contract, digests.get('contract.json'), 'the snapshot was frozen with contract');
  }
  if (session !== null) {
    expect('session.json', sessionId, session.sessionId, 'the bundle is of session');
    expect('session.json', state, session.state, 'the manifest says that the session is');
    expect('session.json', snapshot, session.frozen?.digest ?? null, 'the snapshot is');
  }
  for (const [index, event] of (events ?? []).entries()) {
    expect('events.jsonl', sessionId, event.sessionId, 'the bundle is of session');
    expect('events.jsonl', index + 1, event.seq, 'the events are numbered without a gap: the next is');
  }
  if (report === null) return faults;
  expect('report.json', sessionId, report.sessionId, 'the bundle is of session');
  expect('report.json', snapshot, report.snapshot, 'the snapshot is');
  expect('diff.patch', report.digests['patch'], digests.get('diff.patch'), 'the report is about patch');
  const transcript = digests.get('transcript.jsonl');
  expect('transcript.jsonl', report.digests['transcript'], transcript, 'the report is about transcript');
  for (const { artifact, log } of runsOf(report)) {
    expect(artifact, log, digests.get(artifact), 'the report names log');
  }
  checkProof(report, contents, expect);
  return faults;
}

/** Whether the report says no more than its checks show, and these are the ones that the server kept and the snapshot wants. */
function checkProof(report: Report, { events, rounds, session, snapshot }: BundleContents, expect: Expect): void {
  const { checks, outcome, tree, verified } = report;
  for (const { command, baseline, after, verdict } of checks) {
    expect('report.json', judge(baseline, after), verdict, `the runs of ${command} make its verdict`);
    for (const run of [baseline, after]) expect('report.json', command, run?.command ?? command, 'the run is of');
  }
  const strategy = snapshot?.testStrategy ?? 'full';
  const proven = outcome === 'COMPLETE' && standingOf({ checks, strategy }).verified;
  if (verified) expect('report.json', proven, verified, 'by its checks, verified is');
  if (snapshot !== null && checks.length > 0) {
    const commands = checks.map(({ command }) => command);
    expect(
      'report.json',
      canonicalJson(snapshot.acceptance),
      canonicalJson(commands),
      'the snapshot wants the commands',
    );
  }
  const round = rounds.findLast((one) => one.tree === tree);
  expect('report.json', canonicalJson(round?.checks ?? []), canonicalJson(checks), 'the verification on record found');
  const result = session?.result ?? null;
  if (result !== null) {
    expect('session.json', verified, result.verified, 'the report says that verified is');
    expect('session.json', report.commit, result.commit, 'the report is about commit');
    expect('session.json', tree, result.tree, 'the report is about tree');
  }
  if (report.drift === undefined || events === null) return;
  const drift = events.filter(({ type }) => type === 'drift').map(({ data }) => data);
  expect('report.json', canonicalJson(drift), canonicalJson(report.drift), 'by the events, what has moved is');
}

function runsOf({ checks }: Report): { readonly artifact: string; readonly log: string }[] {
  const runs = checks.flatMap(({ baseline, after }) => [baseline, after]);
  return runs.flatMap((run) => (run === null ? [] : [run, run.again])).filter((run) => run !== null);
}

function shown(value: Fact): string {
  const text = String(value ?? 'nothing');
  return text.length <= 200 ? text : `${text.slice(0, 200)}…`;
}
