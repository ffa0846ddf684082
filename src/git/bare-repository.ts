import { randomUUID } from 'node:crypto';
import { chmod, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { plumb } from './plumbing.ts';
import { makeReadableDirectory } from './readable-directory.ts';

/**
 * Makes a bare repository that the sandbox's user can read, with the given files in it. It appears complete or not at all; when
 * another process was faster, its repository stays.
 * @param files by path inside the repository, for example `info/attributes`.
 */
export async function createBareRepository(path: string, files: Readonly<Record<string, string>> = {}): Promise<void> {
  const aside = `${path}.${randomUUID()}.new`;
  try {
    await makeReadableDirectory(aside);
    await initialize(aside);
    for (const [name, content] of Object.entries(files)) {
      const file = join(aside, name);
      await makeReadableDirectory(dirname(file));
      await writeFile(file, content);
      await chmod(file, 0o644);
    }
    await rename(aside, path).catch(async (error: unknown) => {
      if (!(await isRepository(path))) throw error;
    });
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

/** Makes a repository of a directory that has been one: its objects stay, and nothing else. */
export async function reinitialize(path: string): Promise<void> {
  for (const name of ['HEAD', 'config', 'packed-refs', 'refs', 'shallow'])
    await rm(join(path, name), { recursive: true, force: true });
  await initialize(path);
}

async function initialize(path: string): Promise<void> {
  await plumb(path, ['init', '-q', '--bare', '--shared=0644', '--template=', '--initial-branch=main', path]);
}

/** True when git takes the directory for a repository: it is there, and no power failure has torn it. */
export async function isRepository(path: string): Promise<boolean> {
  return plumb(path, ['rev-parse', '--git-dir']).then(
    () => true,
    () => false,
  );
}
