import { chmod, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a directory, with those above it that are missing, which the sandbox's user may read whatever the server's umask is.
 * Directories that exist keep their modes.
 */
export async function makeReadableDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true });
  if (first === undefined) return;
  for (let path = directory; path.length >= first.length; path = dirname(path)) await chmod(path, 0o755);
}
