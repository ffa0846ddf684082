import type { BaseSize, Fetched, Submodule } from '../domain/base-size.ts';
import { modulesOf } from './gitmodules.ts';
import { lfsFilesIn } from './lfs/lfs-files.ts';
import { isGitlink, treeEntries } from './tree-entries.ts';

/** Of submodules that are not fetched, so many are named. */
const MAX_NAMED = 20;

/**
 * Measures the files that a session starts with.
 * @param fetched what is among them and not in their commit
 */
export async function measureBase(gitDir: string, tree: string, fetched: Fetched): Promise<BaseSize> {
  const { lfs: filled, submodules: named } = fetched;
  const entries = await treeEntries(gitDir, tree);
  const sum = (some: readonly { readonly bytes: number }[]) => some.reduce((total, { bytes }) => total + bytes, 0);
  const files = entries.filter((entry) => !isGitlink(entry));
  const lfs = await lfsFilesIn(gitDir, tree, files);
  const inside = files.filter(({ path }) => named.some((module) => path.startsWith(`${module.path}/`)));
  const left = entries.length - files.length;
  const submodules =
    named.length > 0
      ? { count: named.length, isFetched: true, bytes: sum(inside), named }
      : { count: left, isFetched: false, bytes: 0, named: left === 0 ? [] : await unfetched(gitDir, tree) };
  return {
    files: files.length,
    bytes: sum(files),
    ...(submodules.count > 0 && { submodules }),
    ...(filled.files > 0 && { lfs: { ...filled, isFetched: true } }),
    ...(filled.files === 0 &&
      lfs.length > 0 && {
        lfs: { files: lfs.length, bytes: lfs.reduce((total, { size }) => total + size, 0), isFetched: false },
      }),
  };
}

/** What is refused when it is fetched is no reason to refuse what does not fetch it. */
async function unfetched(gitDir: string, tree: string): Promise<Submodule[]> {
  const links = await modulesOf(gitDir, tree).catch(() => []);
  return links.slice(0, MAX_NAMED).map(({ path, url, commit }) => ({ path, url: withoutUser(url), commit }));
}

/** Somebody may have written a token into it. */
function withoutUser(url: string | null): string | null {
  return url?.slice(0, 500).replace(/\/\/[^/]*@/, '//…@') ?? null;
}
