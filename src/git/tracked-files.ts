import { plumbList } from './plumbing.ts';

/** The empty tree, which every repository has. */
export const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';

/** A file of a tree. */
export interface TrackedFile {
  readonly path: string;
  /** What stands in the tree: a symbolic link's content is where it leads. */
  readonly kind: 'file' | 'executable' | 'link';
  /** Id of its blob. */
  readonly object: string;
}

const kinds: Readonly<Record<string, TrackedFile['kind']>> = {
  '100644': 'file',
  '100664': 'file', // Old histories have it.
  '100755': 'executable',
  '120000': 'link',
};

/** How paths are named: globs in which `**` crosses directories, or the paths themselves. */
export interface PathPatterns {
  readonly globs?: readonly string[];
  readonly paths?: readonly string[];
}

/**
 * The files of a tree that match any of the patterns, in the order of their paths; one git process. Patterns that are absolute or
 * contain `..` match nothing, and neither does a submodule: its files are not in this tree.
 */
export async function trackedFiles(
  gitDir: string,
  treeish: string,
  { globs = [], paths = [] }: PathPatterns,
): Promise<TrackedFile[]> {
  const inside = (pattern: string) => pattern !== '' && !pattern.startsWith('/') && !pattern.split('/').includes('..');
  const specs = [
    ...globs.filter(inside).map((glob) => `:(glob)${glob}`),
    ...paths.filter(inside).map((path) => `:(literal)${path}`),
  ];
  if (specs.length === 0) return [];
  const options = ['-r', '-z', '--raw', '--no-abbrev', '--no-renames'];
  const fields = await plumbList(gitDir, ['diff-tree', ...options, EMPTY_TREE, treeish, '--', ...specs]);
  const files: TrackedFile[] = [];
  // `:000000 <mode> <zeros> <object> A`, then the path.
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const [, mode = '', , object = ''] = fields[index]?.split(' ') ?? [];
    const kind = kinds[mode];
    const path = fields[index + 1];
    if (kind !== undefined && path !== undefined) files.push({ path, kind, object });
  }
  return files;
}
