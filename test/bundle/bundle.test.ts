import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { verifyBundle } from '../../src/bundle/verify-bundle.ts';
import { textPart, writeBundle, type BundlePart } from '../../src/bundle/write-bundle.ts';
import { digestOf } from '../../src/digest/canonical-json.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const contract = '{"goal":"Do it."}';
const command = 'npm test';
const snapshot = JSON.stringify({
  sessionId: 'ses_a',
  contract: digestOf(contract),
  testStrategy: 'full',
  acceptance: [command],
});
const log = 'all is red\n';
const ended = { artifact: 'checks/round-0-1.log', log: digestOf(log), reason: 'exit', exitCode: 1 };
const run = { command, ...ended, again: { ...ended, exitCode: 2 } };
const checks = [{ command, verdict: 'still_failing', baseline: run, after: run, note: null }];
const drift = { what: 'model', frozen: 'm-1', served: 'm-2', decision: 'It goes on.' };
const reported = {
  sessionId: 'ses_a',
  outcome: 'COMPLETE',
  snapshot: digestOf(snapshot),
  commit: 'c',
  tree: 't',
  verified: false,
  digests: { patch: digestOf('a patch'), transcript: digestOf('{}\n') },
  checks,
  drift: [drift],
};
const report = JSON.stringify(reported);
const session = {
  sessionId: 'ses_a',
  state: 'COMPLETE',
  frozen: { digest: digestOf(snapshot) },
  result: { commit: 'c', tree: 't', verified: false },
};
const events = [
  { sessionId: 'ses_a', seq: 1, type: 'started', data: {} },
  { sessionId: 'ses_a', seq: 2, type: 'drift', data: drift },
];
const lines = (items: readonly object[]) => items.map((item) => `${JSON.stringify(item)}\n`).join('');
const texts = {
  'snapshot.json': snapshot,
  'contract.json': contract,
  'report.json': report,
  'diff.patch': 'a patch',
  'transcript.jsonl': '{}\n',
  'checks/round-0-1.log': log,
  'checks/round-0.json': JSON.stringify({ round: 0, tree: 't', checks }),
  'session.json': JSON.stringify(session),
  'events.jsonl': lines(events),
};
const about = { sessionId: 'ses_a', state: 'COMPLETE', snapshot: digestOf(snapshot) };
const partsOf = (some: Readonly<Record<string, string>>) =>
  Object.entries(some).map(([name, text]) => textPart(name, text));

async function archive(parts: readonly BundlePart[] = partsOf(texts)): Promise<Buffer> {
  const bundle = writeBundle(about, parts);
  const pieces: Uint8Array[] = [];
  for await (const piece of bundle.bytes) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  expect(bytes.length).toBe(bundle.size);
  return bytes;
}

async function verdictOn(bytes: Buffer, directory = temporaryDirectory()) {
  const file = join(directory, 'bundle.tar');
  writeFileSync(file, bytes);
  return verifyBundle(file);
}

test('a bundle is a tar archive of its parts, and the same parts are the same bytes in whatever order they come', async () => {
  const bytes = await archive();
  expect(await archive(partsOf(texts).toReversed())).toEqual(bytes);
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'bundle.tar'), bytes);
  execFileSync('tar', ['-xf', 'bundle.tar'], { cwd: directory });
  for (const [name, text] of Object.entries(texts)) expect(readFileSync(join(directory, name), 'utf8')).toBe(text);
  const { manifest, faults } = await verifyBundle(join(directory, 'bundle.tar'));
  expect(faults).toEqual([]);
  expect(manifest).toMatchObject(about);
  expect(manifest?.parts.map(({ name }) => name)).toEqual(Object.keys(texts).toSorted());
});

test('any single byte that is changed, removed or added is found', async () => {
  const bytes = await archive();
  const directory = temporaryDirectory();
  const position = fc.integer({ min: 0, max: bytes.length - 1 });
  await fc.assert(
    fc.asyncProperty(
      position,
      fc.integer({ min: 1, max: 255 }),
      fc.constantFrom('change', 'cut', 'add'),
      async (at, by, how) => {
        const changed = Buffer.from(bytes);
        changed.writeUInt8(bytes.readUInt8(at) ^ by, at);
        const cut = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
        const added = Buffer.concat([bytes.subarray(0, at), Buffer.from([by]), bytes.subarray(at)]);
        const { faults } = await verdictOn(how === 'change' ? changed : how === 'cut' ? cut : added, directory);
        expect(faults.length).toBeGreaterThan(0);
      },
    ),
    { numRuns: 400 },
  );
});

test.each(Object.entries(texts).filter(([, text]) => text !== ''))(
  'a byte changed inside %s is found, and the part named',
  async (name, text) => {
    const bytes = await archive();
    // The last place: digests of contents stand in other parts, never contents.
    const at = bytes.lastIndexOf(`${name}\0`) + 512 + Math.floor(text.length / 2);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    const { faults } = await verdictOn(bytes);
    expect(faults.map(({ part }) => part)).toContain(name);
  },
);

test.each([
  ['contract.json', '{"goal":"Another."}', 'contract.json'],
  ['diff.patch', 'another patch', 'diff.patch'],
  ['transcript.jsonl', '{"other":1}\n', 'transcript.jsonl'],
  ['checks/round-0-1.log', 'all is green\n', 'checks/round-0-1.log'],
  ['snapshot.json', snapshot.replace('ses_a', 'ses_b'), 'snapshot.json'],
  ['report.json', report.replace('ses_a', 'ses_b'), 'report.json'],
])(
  'a part that was exchanged together with its line in the manifest is found by what the others say: %s',
  async (name, text, named) => {
    const { faults } = await verdictOn(await archive(partsOf({ ...texts, [name]: text })));
    expect(faults.map(({ part }) => part)).toContain(named);
  },
);

const green = { ...run, exitCode: 0, again: null };
const allGreen = [{ ...checks[0], verdict: 'passing', baseline: green, after: green }];

test.each<[string, Readonly<Record<string, unknown>>, string]>([
  [
    'calls what was red verified',
    { 'report.json': { ...reported, verified: true } },
    'by its checks, verified is false',
  ],
  [
    'calls what was red green',
    { 'report.json': { ...reported, verified: true, checks: [{ ...checks[0], verdict: 'passing' }] } },
    'make its verdict still_failing',
  ],
  [
    'invents a green run, in report and session alike',
    {
      'report.json': { ...reported, verified: true, checks: allGreen },
      'session.json': { ...session, result: { ...session.result, verified: true } },
    },
    'the verification on record found',
  ],
  [
    'was verified by another command than the agreed one, whoever says so',
    {
      'report.json': { ...reported, verified: true, checks: [{ ...allGreen[0], command: 'true' }] },
      'checks/round-0.json': { round: 0, tree: 't', checks: [{ ...allGreen[0], command: 'true' }] },
      'session.json': { ...session, result: { ...session.result, verified: true } },
    },
    'the snapshot wants the commands',
  ],
  ['is about another commit', { 'report.json': { ...reported, commit: 'd' } }, 'the report is about commit d'],
  ['does not say what has moved', { 'report.json': { ...reported, drift: [] } }, 'by the events, what has moved is'],
  [
    'has a session that ended otherwise',
    { 'session.json': { ...session, state: 'FAILED' } },
    'the session is COMPLETE',
  ],
  ['has lost an event', { 'events.jsonl': events.slice(1) }, 'the events are numbered without a gap'],
])('a bundle that %s is found, though each part has its own digest in the manifest', async (_, changes, said) => {
  const changed = Object.entries(changes).map(([name, part]) => [
    name,
    Array.isArray(part) ? lines(part as object[]) : JSON.stringify(part),
  ]);
  const { faults } = await verdictOn(await archive(partsOf({ ...texts, ...Object.fromEntries(changed) })));
  expect(faults.map(({ message }) => message).join('\n')).toContain(said);
});

test('a part that is left out, or put in, is named', async () => {
  const { 'diff.patch': _patch, ...rest } = texts;
  const without = await verdictOn(await archive(partsOf(rest)));
  expect(without.faults).toMatchObject([{ part: 'diff.patch' }]);
  const bytes = await archive();
  const more = await archive(partsOf({ ...texts, 'zz.txt': 'smuggled' }));
  // The manifest of one, the parts of the other.
  const head = bytes.indexOf('checks/round-0-1.log\0');
  const spliced = Buffer.concat([bytes.subarray(0, head), more.subarray(more.indexOf('checks/round-0-1.log\0'))]);
  expect((await verdictOn(spliced)).faults).toContainEqual({
    part: 'zz.txt',
    message: 'the manifest does not know it',
  });
});

test('what is no bundle at all is told from one', async () => {
  for (const bytes of [Buffer.alloc(0), Buffer.from('hello'), Buffer.alloc(1024), Buffer.alloc(4096, 7)]) {
    expect((await verdictOn(bytes)).faults.length).toBeGreaterThan(0);
  }
});

test.each(['../escape', '/etc/passwd', 'a//b', '-option', 'a/..', 'ü', 'a'.repeat(101)])(
  'no archive has a part %s',
  (name) => {
    expect(() => writeBundle(about, [textPart(name, 'x')])).toThrow(RangeError);
  },
);
