import { readFileSync } from 'node:fs';
import { canonicalJson, digestOf } from '../digest/canonical-json.ts';
import { pathOf, type Command, type CommandContext, type Values } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { UsageError } from './usage-error.ts';

/** A snapshot with the digest that its session, commit and report name. */
interface Frozen {
  readonly digest: string;
  readonly snapshot: unknown;
}

/** `holdfast snapshot`: what was frozen, how two agreements differ, and whether one is what its digest says. */
export const snapshotCommand: Command = {
  usage: 'snapshot show|diff|verify <id or file> [<id or file>] [--digest sha256:…]',
  summary: 'Show what was frozen, compare two snapshots, or check one against its digest',
  details: `show prints {digest, snapshot}. diff prints what differs, value by value; exit code 1 when anything does. verify takes the SHA-256 over
the canonical JSON (RFC 8785) here, on this machine, and compares it with --digest (as the commit's trailer Holdfast-Snapshot, a
webhook or the report give it), or with the digest on record; exit code 1 when they differ. A file holds what show prints, or the
snapshot alone; with files no server is asked.`,
  options: { digest: { type: 'string' } },
  run: async ([what, one, two], values, context) => {
    if (one === undefined) throw new UsageError('Name a session or a file.');
    if (what === 'show') return show(await open(one, context), context);
    if (what === 'verify') return verify(await open(one, context), values, context);
    if (what !== 'diff' || two === undefined) throw new UsageError('Usage: holdfast snapshot show|diff|verify …');
    return diff(await open(one, context), await open(two, context), context);
  },
};

function show(frozen: Frozen, { print }: CommandContext): number {
  print(frozen);
  return exitCodes.complete;
}

function verify({ digest, snapshot }: Frozen, values: Values, { print, tell }: CommandContext): number {
  const found = digestOf(canonicalJson(snapshot));
  const expected = typeof values['digest'] === 'string' ? values['digest'] : digest;
  const matches = found === expected;
  print({ matches, expected, found });
  if (!matches) tell(`This is not what was frozen: its digest is ${found}, and ${expected} was expected.`);
  return matches ? exitCodes.complete : exitCodes.failed;
}

function diff(one: Frozen, two: Frozen, { print }: CommandContext): number {
  const differences = differencesOf(leavesOf(one.snapshot), leavesOf(two.snapshot));
  print(differences);
  return differences.length === 0 ? exitCodes.complete : exitCodes.failed;
}

/** A snapshot of a session, or of a file: `{digest, snapshot}`, or the snapshot alone, which then is its own digest. */
async function open(what: string, { client }: CommandContext): Promise<Frozen> {
  if (/^ses_[0-9a-z]+$/.test(what)) return client.call<Frozen>('GET', `${pathOf(what)}/snapshot`);
  try {
    const read: unknown = JSON.parse(readFileSync(what, 'utf8'));
    const { digest, snapshot } = Object(read) as Partial<Frozen>;
    if (typeof digest === 'string' && snapshot !== undefined) return { digest, snapshot };
    return { digest: digestOf(canonicalJson(read)), snapshot: read };
  } catch (error) {
    throw new UsageError(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Every value by its path, such as `limits.maxSteps` or `files[src/a.ts]`: a list of named things is compared by their names. */
function leavesOf(value: unknown, path = ''): Map<string, unknown> {
  if (typeof value !== 'object' || value === null) return new Map([[path, value]]);
  const entries = Array.isArray(value)
    ? value.map((item: unknown, index) => [`${path}[${nameIn(item) ?? index}]`, item] as const)
    : Object.entries(value).map(
        ([key, item]: [string, unknown]) => [path === '' ? key : `${path}.${key}`, item] as const,
      );
  return new Map(entries.flatMap(([key, item]) => [...leavesOf(item, key)]));
}

function nameIn(item: unknown): string | undefined {
  const { path, id } = Object(item) as { path?: unknown; id?: unknown };
  return typeof path === 'string' ? path : typeof id === 'string' ? id : undefined;
}

function differencesOf(one: ReadonlyMap<string, unknown>, two: ReadonlyMap<string, unknown>): object[] {
  const paths = [...new Set([...one.keys(), ...two.keys()])].toSorted();
  return paths
    .filter((path) => one.get(path) !== two.get(path))
    .map((path) => ({ path, one: one.get(path) ?? null, two: two.get(path) ?? null }));
}
