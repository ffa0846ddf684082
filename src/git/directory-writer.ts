import { createHash } from 'node:crypto';
import { lstat, mkdir, rename, rm, rmdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HoldfastError } from '../domain/failure.ts';
import { plumb, plumbList } from './plumbing.ts';

/** What a path shall be. */
export interface Difference {
  readonly path: string;
  /** Git's mode: `100644`, `100755` or `120000`; null when there shall be nothing. */
  readonly mode: string | null;
  /** The id of its content. */
  readonly object: string;
}

/** What has to be written or removed to make one tree of another. */
export async function treeDifference(gitDir: string, from: string, to: string): Promise<Difference[]> {
  // Items are `:<mode> <mode> <id> <id> <status>` and the path, in turn.
  const items = await plumbList(gitDir, ['diff-tree', '-r', '-z', '--no-renames', from, to]);
  const differences: Difference[] = [];
  for (let index = 0; index + 1 < items.length; index += 2) {
    const [, mode = '', , object = ''] = (items[index] ?? '').split(' ');
    if (mode === '160000') continue; // A link to a commit of another repository has no file.
    differences.push({ path: items[index + 1] ?? '', mode: mode === '000000' ? null : mode, object });
  }
  return differences;
}

/**
 * Writes a difference into a directory; never through a link that leads out of it, and each file as a whole.
 * @throws HoldfastError DIRECTORY_CHANGED when something is in the way
 */
export async function writeDifference(gitDir: string, root: string, differences: readonly Difference[]): Promise<void> {
  // First what goes: a file may take the place of a directory.
  for (const { path, mode } of differences) if (mode === null) await removeEntry(root, path);
  for (const difference of differences) if (difference.mode !== null) await writeEntry(gitDir, root, difference);
}

/** Removes half-written files that a killed {@link writeDifference} of the same difference left. */
export async function removeLeftovers(root: string, differences: readonly Difference[]): Promise<void> {
  for (const difference of differences) await rm(temporaryOf(root, difference), { force: true }).catch(() => undefined);
}

/** Where a file is written before it gets its name: beside it, and the same in each attempt. */
function temporaryOf(root: string, { path, object }: Difference): string {
  const name = createHash('sha256').update(`${path}\0${object}`).digest('hex').slice(0, 24);
  return join(root, dirname(path), `.holdfast-${name}`);
}

async function removeEntry(root: string, path: string): Promise<void> {
  if (!(await hasParents(root, path))) return;
  await rm(join(root, path), { force: true });
  // Git knows no empty directories: those that this emptied go too.
  for (let parent = dirname(path); parent !== '.'; parent = dirname(parent)) {
    const removed = await rmdir(join(root, parent)).then(
      () => true,
      () => false,
    );
    if (!removed) return;
  }
}

async function writeEntry(gitDir: string, root: string, difference: Difference): Promise<void> {
  const { path, mode, object } = difference;
  const content = await plumb(gitDir, ['cat-file', 'blob', object]);
  await makeParents(root, path);
  const target = join(root, path);
  const temporary = temporaryOf(root, difference);
  await rm(temporary, { force: true });
  if (mode === '120000') await symlink(content, temporary);
  else await writeFile(temporary, content, { mode: mode === '100755' ? 0o755 : 0o644, flag: 'wx' });
  await rmdir(target).catch(() => undefined); // An empty directory, if anything: rmdir takes nothing else.
  await rename(temporary, target).catch(async (cause: NodeJS.ErrnoException) => {
    await rm(temporary, { force: true });
    if (cause.code !== 'EISDIR') throw cause;
    throw new HoldfastError('DIRECTORY_CHANGED', `${target} is a directory with files of its own.`, { cause });
  });
}

async function hasParents(root: string, path: string): Promise<boolean> {
  for (const parent of parentsOf(path)) {
    const stat = await lstat(join(root, parent)).catch(() => null);
    if (stat?.isDirectory() !== true) return false;
  }
  return true;
}

async function makeParents(root: string, path: string): Promise<void> {
  for (const parent of parentsOf(path)) {
    const directory = join(root, parent);
    const stat = await lstat(directory).catch(() => null);
    if (stat === null) await mkdir(directory);
    else if (!stat.isDirectory())
      throw new HoldfastError('DIRECTORY_CHANGED', `${directory} is not a directory any more.`);
  }
}

/** `a` and `a/b` of `a/b/c`: each is looked at by itself, so that none of them is a link that leads out of the directory. */
function parentsOf(path: string): string[] {
  const names = path.split('/').slice(0, -1);
  return names.map((_, index) => names.slice(0, index + 1).join('/'));
}
