import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createBareRepository } from '../bare-repository.ts';
import { plumb } from '../plumbing.ts';

/** The files that the tree's own rules give to the filter `lfs`. A repository without rules of ours is asked: ours forbid every filter. */
export async function governedBy<F extends { readonly path: string }>(
  gitDir: string,
  tree: string,
  files: readonly F[],
): Promise<readonly F[]> {
  if (files.length === 0) return [];
  const aside = join(gitDir, `attributes-${randomUUID()}.git`);
  const env = { GIT_INDEX_FILE: join(aside, 'index'), GIT_ALTERNATE_OBJECT_DIRECTORIES: join(gitDir, 'objects') };
  try {
    await createBareRepository(aside);
    await plumb(aside, ['read-tree', tree], { env });
    const stdin = files.map(({ path }) => `${path}\0`).join('');
    const output = await plumb(aside, ['check-attr', '--cached', '--stdin', '-z', 'filter'], { env, stdin });
    // The path, the name of the attribute and its value, for each.
    const fields = output.toString('utf8').split('\0');
    return files.filter((_, index) => fields[3 * index + 2] === 'lfs');
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}
