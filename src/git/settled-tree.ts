import type { Submodule } from '../domain/base-size.ts';
import { withLinks, withModules } from './composed-tree.ts';
import { plumbList } from './plumbing.ts';
import { EMPTY_TREE } from './tracked-files.ts';

/** What the trees of a session are composed of, as it was frozen. */
export interface ComposedBase {
  readonly base: { readonly tree: string };
  readonly submodules?: readonly Submodule[] | undefined;
}

/**
 * The tree as the repository itself has it: with links in the place of submodules. Their files are inputs: whatever became of them in the
 * tree, the links lead where they led at the base.
 */
export function ownTree(gitDir: string, { submodules = [] }: ComposedBase, tree: string): Promise<string> {
  return withLinks(gitDir, tree, outermost(submodules));
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
