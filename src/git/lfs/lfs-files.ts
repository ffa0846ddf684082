import { parsePointer, mayBePointer, type LfsPointer } from './lfs-pointer.ts';
import { governedBy } from './lfs-rules.ts';
import { readBlobs } from '../read-blobs.ts';
import type { TreeEntry } from '../tree-entries.ts';

/** A file of Git LFS: the pointer in the tree, and what it points at. */
export interface LfsFile extends LfsPointer {
  readonly entry: TreeEntry;
}

const MAX_RULES_BYTES = 2 ** 20;

/**
 * The files of a tree that are pointers of Git LFS: those that its rules give to the filter `lfs`. What only looks like a pointer is a file
 * like others.
 */
export async function lfsFilesIn(gitDir: string, tree: string, entries: readonly TreeEntry[]): Promise<LfsFile[]> {
  const rules = entries.filter(({ path, bytes }) => /(^|\/)\.gitattributes$/.test(path) && bytes <= MAX_RULES_BYTES);
  const texts = await readBlobs(gitDir, [...new Set(rules.filter(isFile).map(({ object }) => object))]);
  if (!texts.some((text) => /[ \t]filter=lfs(\s|$)/m.test(text.toString('utf8')))) return [];
  const candidates = entries.filter((entry) => isFile(entry) && mayBePointer(entry.bytes));
  const contents = await readBlobs(
    gitDir,
    candidates.map(({ object }) => object),
  );
  const found = candidates.flatMap((entry, index) => {
    const content = contents[index];
    const pointer = content === undefined ? null : parsePointer(content);
    return pointer === null ? [] : [{ entry, path: entry.path, ...pointer }];
  });
  return [...(await governedBy(gitDir, tree, found))];
}

function isFile({ mode }: TreeEntry): boolean {
  return mode.startsWith('100');
}
