import type { Submodule } from '../domain/base-size.ts';
import { HoldfastError } from '../domain/failure.ts';
import { withModules, type Mounted } from './composed-tree.ts';
import { modulesOf, type NamedModule } from './gitmodules.ts';
import { plumbLine } from './plumbing.ts';
import { submoduleUrl } from './submodule-url.ts';

/** Submodules within submodules: a host that makes them up for whoever asks finds an end here. */
const MAX_DEPTH = 8;
/** Of one base, over all depths. */
const MAX_SUBMODULES = 200;

/** How submodules are brought in. */
export interface ModuleSource {
  /** The URL of the task's source. */
  readonly url: string;
  readonly allowedRoots: readonly string[];
  /** Makes sure that the objects of a commit can be had in the git directory. */
  readonly fetch: (url: string, commit: string) => Promise<void>;
  /** The tree of one of the repositories with what of it lies elsewhere in place. */
  readonly fill: (url: string, tree: string) => Promise<string>;
}

/** A base with its submodules in it. */
interface Composition {
  readonly tree: string;
  /** Those that are in it, in the order in which they were found: an outer one before those within it. */
  readonly submodules: readonly Submodule[];
}

/**
 * Fetches the submodules of a tree, and theirs, and puts the files of the commits that are pinned in place. What comes of it follows from
 * the tree alone.
 * @throws HoldfastError SUBMODULE_REFUSED for one that is not to be fetched, and what fetching throws
 */
export async function compose(gitDir: string, tree: string, source: ModuleSource): Promise<Composition> {
  const modules: Submodule[] = [];
  const composed = await composeAt(gitDir, { tree, prefix: '', parent: source.url, depth: 0 }, source, modules);
  return { tree: composed, submodules: modules };
}

interface Place {
  readonly tree: string;
  /** Path of the repository in the work tree, with a slash at its end. */
  readonly prefix: string;
  /** Its URL. */
  readonly parent: string;
  readonly depth: number;
}

async function composeAt(
  gitDir: string,
  { tree, prefix, parent, depth }: Place,
  source: ModuleSource,
  found: Submodule[],
): Promise<string> {
  const wanted = (await modulesOf(gitDir, tree)).filter(({ isWanted }) => isWanted);
  if (wanted.length > 0 && depth === MAX_DEPTH) throw refused(`${prefix}${wanted[0]?.path}`, `it is ${depth + 1} deep`);
  if (found.length + wanted.length > MAX_SUBMODULES)
    throw refused(`${prefix}${wanted.at(-1)?.path}`, `there are more than ${MAX_SUBMODULES}`);
  const mounted: Mounted[] = [];
  for (const { commit, path, url } of wanted) {
    const place = `${prefix}${path}`;
    const from = urlOf({ path: place, url }, parent, source);
    await source.fetch(from, commit);
    found.push({ path: place, url: from, commit });
    const own = await plumbLine(gitDir, ['rev-parse', '--verify', `${commit}^{tree}`]);
    const inner = { tree: own, prefix: `${place}/`, parent: from, depth: depth + 1 };
    mounted.push({ path, tree: await composeAt(gitDir, inner, source, found) });
  }
  return withModules(gitDir, await source.fill(parent, tree), mounted);
}

function urlOf({ path, url }: Pick<NamedModule, 'path' | 'url'>, parent: string, source: ModuleSource): string {
  if (url === null || url === '') throw refused(path, '.gitmodules names no URL for it');
  try {
    return submoduleUrl(url, { source: source.url, parent, allowedRoots: source.allowedRoots });
  } catch (error) {
    if (error instanceof HoldfastError) throw refused(path, error.message.replace(/\.$/, ''), error);
    throw error;
  }
}

function refused(path: string, why: string, cause?: unknown): HoldfastError {
  return new HoldfastError('SUBMODULE_REFUSED', `The submodule ${path} is refused: ${why}.`, { cause });
}
