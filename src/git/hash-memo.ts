import { createHash, randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hashBlobs, hashInOneProcess } from './hash-blobs.ts';

const NAME = 'holdfast-sha256';
/** Of blobs: beyond this the oldest are forgotten. One takes 106 bytes. */
const MAX_REMEMBERED = 500_000;
const line = /^([0-9a-f]{40,64}) ([0-9a-f]{64})$/gm;

/**
 * {@link hashBlobs}, each blob once for a repository: what a blob contains follows from its id, so its SHA-256 stays what it is, and
 * sessions that borrow from a mirror share what was hashed there. The memory is one file under a digest of its own; one that is torn
 * or was changed is forgotten. Of two writers at once the last one is remembered.
 * @param directory of the repository that the blobs are borrowed from
 */
export async function hashBlobsOnce(gitDir: string, directory: string, objects: readonly string[]): Promise<string[]> {
  const { file, fresh, known } = await lookUp(directory, objects);
  const hashes = await hashBlobs(gitDir, fresh);
  for (const [index, object] of fresh.entries()) known.set(object, hashes[index] ?? '');
  if (fresh.length > 0) await remember(file, known).catch(() => undefined); // It only costs time again.
  return objects.map((object) => known.get(object) ?? '');
}

/** Hashes ahead for {@link hashBlobsOnce}, with one core, as long as there is time: until `until` is aborted. */
export async function hashBlobsAhead(
  gitDir: string,
  directory: string,
  objects: readonly string[],
  until: AbortSignal,
): Promise<void> {
  const { file, fresh } = await lookUp(directory, objects);
  if (fresh.length === 0 || until.aborted) return;
  const hashes = await hashInOneProcess({ gitDir, objects: fresh }, until);
  const learnt = hashes.map((sha256, index) => [fresh[index] ?? '', sha256] as const);
  await remember(file, new Map([...(await recall(file)), ...learnt])); // It took a while: others may have come.
}

/** What is remembered, and those of some blobs that are not. */
async function lookUp(directory: string, objects: readonly string[]) {
  const file = join(directory, NAME);
  const known = await recall(file);
  return { file, known, fresh: [...new Set(objects)].filter((object) => !known.has(object)) };
}

async function recall(file: string): Promise<Map<string, string>> {
  const text = await readFile(file, 'latin1').catch(() => '');
  const end = text.indexOf('\n');
  const body = text.slice(end + 1);
  if (end < 0 || text.slice(0, end) !== digestOf(body)) return new Map();
  return new Map([...body.matchAll(line)].map(([, object = '', sha256 = '']) => [object, sha256]));
}

async function remember(file: string, known: ReadonlyMap<string, string>): Promise<void> {
  const lines = [...known].slice(-MAX_REMEMBERED).map(([object, sha256]) => `${object} ${sha256}\n`);
  const body = lines.join('');
  const aside = `${file}.${randomUUID()}`;
  try {
    await writeFile(aside, `${digestOf(body)}\n${body}`, { mode: 0o644 });
    await rename(aside, file);
  } finally {
    await rm(aside, { force: true });
  }
}

function digestOf(text: string): string {
  return createHash('sha256').update(text, 'latin1').digest('hex');
}
