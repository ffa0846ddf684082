import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { plumb, plumbLine } from './plumbing.ts';

/** A tree of another repository, and where it belongs. */
export interface Mounted {
  readonly path: string;
  readonly tree: string;
}

/** A commit of another repository, and where it is linked from. */
export interface Linked {
  readonly path: string;
  readonly commit: string;
}

/** The id that git-update-index(1) wants for a path that is to go. */
const NOTHING = '0'.repeat(40);

/** The tree in which the trees of other repositories stand in the place of the links to them. Nothing is written but objects. */
export async function withModules(gitDir: string, tree: string, modules: readonly Mounted[]): Promise<string> {
  if (modules.length === 0) return tree;
  return throughIndex(gitDir, tree, async (run) => {
    const gone = modules.map(({ path }) => `0 ${NOTHING}\t${path}\0`).join('');
    await run(['update-index', '-z', '--index-info'], gone);
    for (const module of modules) await run(['read-tree', '-i', `--prefix=${module.path}/`, module.tree]);
  });
}

/** The tree in which links stand in the place of whatever is at their paths, or in their way. */
export async function withLinks(gitDir: string, tree: string, links: readonly Linked[]): Promise<string> {
  if (links.length === 0) return tree;
  const entries = links.map(({ path, commit }) => `160000 ${commit}\t${path}\0`).join('');
  return throughIndex(gitDir, tree, (run) => run(['update-index', '-z', '--index-info'], entries));
}

/** The tree with other files at some paths. `env` may name where their objects are. */
export async function withFiles(
  gitDir: string,
  tree: string,
  files: readonly { readonly path: string; readonly mode: string; readonly object: string }[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  if (files.length === 0) return tree;
  const entries = files.map(({ mode, object, path }) => `${mode} ${object}\t${path}\0`).join('');
  return throughIndex(gitDir, tree, (run) => run(['update-index', '-z', '--index-info'], entries), env);
}

type Run = (args: readonly string[], stdin?: string) => Promise<unknown>;

/** Changes a tree by way of an index that nobody else sees: git itself minds what may stand in a tree, and where. */
async function throughIndex(
  gitDir: string,
  tree: string,
  change: (run: Run) => Promise<unknown>,
  more: Readonly<Record<string, string>> = {},
): Promise<string> {
  const index = join(gitDir, `compose-${randomUUID()}.index`);
  const env = { ...more, GIT_INDEX_FILE: index };
  try {
    await plumb(gitDir, ['read-tree', tree], { env });
    await change((args, stdin = '') => plumb(gitDir, args, { env, stdin }));
    return await plumbLine(gitDir, ['write-tree'], { env });
  } finally {
    await rm(index, { force: true });
  }
}
