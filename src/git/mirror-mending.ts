import { existsSync, globSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createBareRepository, isRepository, reinitialize } from './bare-repository.ts';
import { plumb } from './plumbing.ts';

/** Where git keeps what a mirror knows of its remote; all of it can be asked for again. */
const REF_PLACES = ['refs/mirror', 'packed-refs'];

/**
 * Makes a directory a repository that can be written: a new one, or the old one with its objects, from which sessions may borrow. Locks
 * and halves of packs go: nobody else is at work here.
 */
export async function makeUsable(path: string): Promise<void> {
  if (!existsSync(path)) return createBareRepository(path);
  for (const left of leftBehind(path)) await rm(join(path, left), { force: true });
  if (await isRepository(path)) return;
  await reinitialize(path).catch(() => undefined);
  if (await isRepository(path)) return;
  const torn = `${path}.${randomUUID()}.torn`;
  await rename(path, torn);
  await rm(torn, { recursive: true, force: true });
  await createBareRepository(path);
}

/** Forgets every ref: a damaged one keeps git from fetching what it names. */
export async function forgetRefs(path: string): Promise<void> {
  for (const place of REF_PLACES) await rm(join(path, place), { recursive: true, force: true });
}

/** Removes packs that cannot be read through: one that comes anew has the name of the damaged one, and would not replace it. */
export async function removeDamagedPacks(path: string): Promise<void> {
  const directory = join(path, 'objects', 'pack');
  for (const index of globSync('*.idx', { cwd: directory })) {
    const isSound = await plumb(path, ['verify-pack', join(directory, index)]).then(
      () => true,
      () => false,
    );
    const parts = isSound ? [] : globSync(`${index.replace(/idx$/, '')}*`, { cwd: directory });
    for (const part of parts) await rm(join(directory, part), { force: true });
  }
}

/** How many packs a mirror is made of. */
export function packsOf(path: string): number {
  return globSync('*.pack', { cwd: join(path, 'objects', 'pack') }).length;
}

function leftBehind(path: string): string[] {
  return globSync(['*.lock', 'refs/**/*.lock', 'objects/pack/tmp_*', 'objects/pack/.tmp-*', 'objects/tmp_*'], {
    cwd: path,
  });
}
