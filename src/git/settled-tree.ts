import type { Submodule } from '../domain/base-size.ts';
import { usesLfs, type Source } from '../domain/task.ts';
import { withLinks, withModules } from './composed-tree.ts';
import { withPointers, type Pointed } from './lfs/lfs-delivery.ts';
import { plumbList } from './plumbing.ts';
import { EMPTY_TREE } from './tracked-files.ts';

/** What the trees of a session are composed of, as it was frozen. */
export interface ComposedBase {
  readonly source: Source;
  readonly base: { readonly commit: string; readonly tree: string };
  readonly submodules?: readonly Submodule[] | undefined;
}

/**
 * The tree as the repository itself has it: with links in the place of submodules, and pointers in the place of files of Git LFS.
 * Submodules are inputs: whatever became of their files in the tree, the links lead where they led at the base.
 */
export async function ownTree(gitDir: string, composed: ComposedBase, tree: string): Promise<Pointed> {
  const { base, source, submodules = [] } = composed;
  const linked = await withLinks(gitDir, tree, outermost(submodules));
  if (!usesLfs(source)) return { tree: linked, uploads: [] };
  return withPointers(gitDir, { pointers: `${base.commit}^{tree}`, contents: base.tree }, linked);
}

/** The tree with its submodules as the base has them: what whoever takes the delivered commit will find, and so what is to be judged. */
export async function settledTree(gitDir: string, composed: ComposedBase, tree: string): Promise<string> {
  const outer = outermost(composed.submodules ?? []);
  const modules = await Promise.all(
    outer.map(async ({ path }) => ({ path, tree: await treeAt(gitDir, composed.base.tree, path) })),
  );
  return withModules(gitDir, await withLinks(gitDir, tree, outer), modules);
}

/** The tree at a path of another one; a tree without files has no entry. */
async function treeAt(gitDir: string, tree: string, path: string): Promise<string> {
  const [line = ''] = await plumbList(gitDir, ['ls-tree', '-z', '--full-tree', tree, '--', `:(literal)${path}`]);
  return /^040000 tree ([0-9a-f]+)\t/.exec(line)?.[1] ?? EMPTY_TREE;
}

/** A submodule within another is part of that one's files. */
function outermost(submodules: readonly Submodule[]): readonly Submodule[] {
  return submodules.filter(({ path }) => !submodules.some((other) => path.startsWith(`${other.path}/`)));
}
