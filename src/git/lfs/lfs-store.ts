import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { HoldfastError } from '../../domain/failure.ts';
import { removeDamagedPacks } from '../mirror-mending.ts';
import { plumb, plumbLine } from '../plumbing.ts';
import type { LfsPointer } from './lfs-pointer.ts';
import type { LfsServer } from './lfs-server.ts';

/** Of one base: half of what a work tree may hold, see the limits of the sandbox. */
export const MAX_LFS_BYTES = 10 * 2 ** 30;
/** Of one file: no command may write a larger one. */
export const MAX_LFS_FILE_BYTES = 2 * 2 ** 30;
const REFS = 'refs/lfs/';
const INCOMING = 'incoming';

/**
 * Makes sure that the contents of some files are objects of a bare repository of ours, under refs by their SHA-256; answers the ids of
 * the objects by it. Nothing that has not the bytes its pointer says gets in. Nobody else may be at work in the repository.
 * @param anew true when what is there may be damaged
 * @throws HoldfastError LFS_FAILED, REPOSITORY_AUTH_FAILED
 */
export async function fillStore(
  repository: string,
  {
    pointers,
    server,
    anew,
  }: { readonly pointers: readonly LfsPointer[]; readonly server: LfsServer; readonly anew: boolean },
): Promise<Map<string, string>> {
  await rm(join(repository, INCOMING), { recursive: true, force: true }); // What a killed process was at.
  await mkdir(join(repository, INCOMING));
  const known = await refsOf(repository);
  if (anew) await forget(repository, known);
  const wanted = new Map(pointers.map((pointer) => [pointer.oid, pointer]));
  const here = await present(repository, [...known.values()]);
  const missing = [...wanted.values()].filter(({ oid }) => !here.has(known.get(oid) ?? ''));
  await server.download(missing, async (pointer, content) => {
    const file = join(repository, INCOMING, randomUUID());
    try {
      await receive(file, pointer, content);
      // Most such files are compressed by themselves.
      const hash = ['-c', 'core.looseCompression=0', 'hash-object', '-w', '--no-filters', '--', file];
      const object = await plumbLine(repository, hash);
      await plumb(repository, ['update-ref', `${REFS}${pointer.oid}`, object]);
      known.set(pointer.oid, object);
    } finally {
      await rm(file, { force: true });
    }
  });
  return known;
}

async function refsOf(repository: string): Promise<Map<string, string>> {
  const format = '--format=%(refname:lstrip=2) %(objectname)';
  const output = (await plumb(repository, ['for-each-ref', format, REFS])).toString('utf8');
  const lines = output.split('\n').filter(Boolean);
  return new Map(lines.map((line) => line.split(' ') as [string, string]));
}

/** Those of some objects that are there; a disk may have lost others. */
async function present(repository: string, objects: readonly string[]): Promise<Set<string>> {
  const stdin = objects.map((object) => `${object}\n`).join('');
  const lines = (await plumb(repository, ['cat-file', '--batch-check=%(objectname)'], { stdin })).toString('utf8');
  return new Set(lines.split('\n').filter((line) => line !== '' && !line.endsWith(' missing')));
}

/** Takes away what would keep git from writing an object again: it never looks into one that it has. */
async function forget(repository: string, known: Map<string, string>): Promise<void> {
  await removeDamagedPacks(repository);
  for (const object of known.values()) {
    const file = join(repository, 'objects', object.slice(0, 2), object.slice(2));
    const isSound = await plumb(repository, ['cat-file', 'blob', object], { onOutput: () => undefined }).then(
      () => true,
      () => false,
    );
    if (!isSound && existsSync(file)) await rm(file);
  }
  known.clear();
}

/** Writes what comes to a file, as long as it is what the pointer says. */
async function receive(path: string, { oid, size }: LfsPointer, content: Readable): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  const hash = createHash('sha256');
  let received = 0;
  try {
    for await (const chunk of content as AsyncIterable<Buffer>) {
      received += chunk.length;
      if (received > size) break;
      hash.update(chunk);
      await file.write(chunk);
    }
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new HoldfastError('LFS_FAILED', `The file ${oid} of Git LFS did not come to its end: ${said}`, { cause });
  } finally {
    await file.close();
    content.destroy();
  }
  if (received === size && hash.digest('hex') === oid) return;
  throw new HoldfastError('LFS_FAILED', `What came for the file ${oid} of Git LFS is not that file.`);
}
