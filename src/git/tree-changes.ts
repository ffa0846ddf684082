import { plumbList } from './plumbing.ts';

/** A changed file. */
export interface Change {
  readonly status: 'created' | 'modified' | 'deleted';
  readonly path: string;
  /** Lines; 0 for a binary file. */
  readonly additions: number;
  readonly deletions: number;
}

/** The changed files between two trees, in the order of their paths. */
export async function treeChanges(gitDir: string, from: string, to: string): Promise<Change[]> {
  if (from === to) return [];
  const options = ['-r', '-z', '--no-renames'];
  const names = await plumbList(gitDir, ['diff-tree', ...options, '--name-status', from, to]);
  const counts = await plumbList(gitDir, ['diff-tree', ...options, '--numstat', from, to]);
  const lines = new Map(
    counts
      .map((line) => line.split(/^([^\t]*)\t([^\t]*)\t/))
      .map(([, added, deleted, path]) => [path, [Number(added) || 0, Number(deleted) || 0]]),
  );
  const changes: Change[] = [];
  for (let index = 0; index + 1 < names.length; index += 2) {
    const path = names[index + 1] ?? '';
    const [additions = 0, deletions = 0] = lines.get(path) ?? [];
    const status = names[index] === 'A' ? 'created' : names[index] === 'D' ? 'deleted' : 'modified';
    changes.push({ status, path, additions, deletions });
  }
  return changes;
}
