import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { inflateSync } from 'node:zlib';
import { formsOf } from '../../src/redaction/secret-forms.ts';
import type { Holdfast } from './holdfast.ts';

/** A secret that no test but this one has, and what it is. */
export type Canaries = Readonly<Record<string, string>>;

/** A random string that says what it stands for. */
export const canary = (of: string): string => `canary-${of}-${randomBytes(18).toString('base64url')}`;

/** Where a canary was found, as `<what> in <place>`. */
export type Leak = string;

/** The canaries in a text, in any form. */
export function leaksIn(place: string, text: string, canaries: Canaries): Leak[] {
  return Object.entries(canaries).flatMap(([what, value]) =>
    formsOf(value).some((form) => text.includes(form)) ? [`${what} in ${place}`] : [],
  );
}

/** The canaries in all that a Holdfast wrote, logged, answered and sent. It must have stopped. */
export function leaksOf(
  holdfast: Pick<Holdfast, 'dataDir' | 'log'>,
  told: { readonly answers: readonly string[]; readonly webhooks: readonly unknown[] },
  canaries: Canaries,
): Leak[] {
  return [
    ...leaksIn('the log', holdfast.log(), canaries),
    ...leaksIn('an answer of the API', told.answers.join('\n'), canaries),
    ...leaksIn('a webhook', JSON.stringify(told.webhooks), canaries),
    ...leaksBelow(holdfast.dataDir, canaries),
  ];
}

/** The canaries below a directory: in files as they are, in what is compressed in them, and in every row of databases. */
export function leaksBelow(directory: string, canaries: Canaries): Leak[] {
  const leaks = readdirSync(directory, { recursive: true, encoding: 'utf8' }).flatMap((name) => {
    const path = join(directory, name);
    return statSync(path, { throwIfNoEntry: false })?.isFile() ? leaksInFile(path, name, canaries) : [];
  });
  return [...new Set(leaks)];
}

/** The canaries in a file, as it is, in what is compressed in it, and in the rows of a database. */
export function leaksInFile(path: string, place: string, canaries: Canaries): Leak[] {
  const bytes = readFileSync(path);
  const texts = [bytes.toString('latin1'), ...inflated(bytes), ...(path.endsWith('.db') ? rowsOf(path) : [])];
  return texts.flatMap((text) => leaksIn(place, text, canaries));
}

/** Everything that zlib has compressed somewhere in there: git's objects, loose or in packs. */
function inflated(bytes: Buffer): string[] {
  const found: string[] = [];
  for (let at = bytes.indexOf(0x78); at !== -1; at = bytes.indexOf(0x78, at + 1)) {
    if (((0x78 << 8) | (bytes[at + 1] ?? 0)) % 31 !== 0) continue; // RFC 1950, FCHECK
    try {
      found.push(inflateSync(bytes.subarray(at)).toString('latin1'));
    } catch {
      continue;
    }
  }
  return found;
}

/** A value may be spread over pages of the file. */
function rowsOf(path: string): string[] {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
    return tables.flatMap(({ name }) =>
      db
        .prepare(`SELECT * FROM "${String(name)}"`)
        .all()
        .flatMap((row) => Object.values(row).map(textOf)),
    );
  } finally {
    db.close();
  }
}

function textOf(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value);
}

/** Looks at all processes again and again: their arguments, and the environment of those in a sandbox. */
export class ProcessSampler {
  readonly #canaries: Canaries;
  readonly #timer: NodeJS.Timeout;
  readonly #leaks = new Set<Leak>();
  /** How many processes in a sandbox were looked at: none would prove nothing. */
  sandboxed = 0;

  constructor(canaries: Canaries, intervalMs = 20) {
    this.#canaries = canaries;
    this.#timer = setInterval(() => this.#look(), intervalMs);
  }

  stop(): Leak[] {
    clearInterval(this.#timer);
    return [...this.#leaks];
  }

  #look(): void {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        this.#note('the arguments of a process', readFileSync(`/proc/${pid}/cmdline`, 'latin1'));
        if (readlinkSync(`/proc/${pid}/ns/pid`) === readlinkSync('/proc/self/ns/pid')) continue;
        this.sandboxed += 1;
        this.#note('the environment of a sandboxed process', readFileSync(`/proc/${pid}/environ`, 'latin1'));
      } catch {
        continue; // It has ended, or is somebody else's.
      }
    }
  }

  #note(place: string, text: string): void {
    for (const leak of leaksIn(place, text, this.#canaries)) this.#leaks.add(leak);
  }
}
