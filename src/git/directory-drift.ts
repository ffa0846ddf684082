import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { plumb } from './plumbing.ts';

/**
 * Paths of a local directory that are no longer what a tree says, in order: changed, gone or new; what its .gitignore names does not
 * count, nor does who may execute what. An index of our own remembers the files' times: only what was touched is read again.
 * The directory itself is only read.
 */
export async function directoryDrift(gitDir: string, directory: string, tree: string): Promise<string[]> {
  const index = join(gitDir, `drift-${process.pid}.index`);
  const env = { GIT_WORK_TREE: directory, GIT_INDEX_FILE: index };
  const inDirectory = (...args: string[]) =>
    plumb(gitDir, ['-C', directory, '-c', 'core.fileMode=false', ...args], { env });
  if (!existsSync(index)) await plumb(gitDir, ['read-tree', tree], { env });
  await inDirectory('update-index', '-q', '--refresh').catch(() => undefined); // It complains about what differs.
  const changed = await inDirectory('diff-files', '-z', '--name-only', '--ignore-submodules=all');
  const fresh = await inDirectory('ls-files', '-z', '--others', '--exclude-standard');
  const paths = [...namesIn(changed), ...namesIn(fresh).filter((path) => !path.endsWith('/'))];
  return [...new Set(paths)].toSorted();
}

function namesIn(output: Buffer): string[] {
  return output.toString('utf8').split('\0').filter(Boolean);
}
