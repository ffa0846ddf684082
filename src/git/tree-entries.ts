import { plumb } from './plumbing.ts';

/** What stands at a path of a tree: a file, a link, or the commit of another repository. */
export interface TreeEntry {
  readonly path: string;
  /** Git's mode: `100644`, `100755`, `120000`, or `160000` for a commit of another repository. */
  readonly mode: string;
  readonly object: string;
  /** Of the content, in bytes; 0 for a commit. */
  readonly bytes: number;
}

/** Everything in a tree, in the order of the paths. */
export async function treeEntries(gitDir: string, treeish: string): Promise<TreeEntry[]> {
  const output = await plumb(gitDir, ['ls-tree', '-r', '-l', '-z', '--full-tree', treeish]);
  const lines = output.toString('utf8').split('\0').filter(Boolean);
  return lines.map((line) => {
    const tab = line.indexOf('\t');
    const [mode = '', , object = '', bytes = ''] = line.slice(0, tab).split(/ +/);
    return { path: line.slice(tab + 1), mode, object, bytes: Number(bytes) || 0 };
  });
}

/** True for the commit of another repository: a submodule, or what is left of one. */
export function isGitlink({ mode }: Pick<TreeEntry, 'mode'>): boolean {
  return mode === '160000';
}
