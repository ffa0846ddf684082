import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Work trees lie below the data directory, unless its path is closed to the ordinary user that commands run as when the server is
 * root (a checkout in root's home, say): then below /var/lib, in a directory of their own.
 */
export function defaultWorkingDir(dataDir: string): string {
  const inside = join(dataDir, 'work');
  if (process.geteuid?.() !== 0 || isOpenToAll(dataDir)) return inside;
  return join('/var/lib/holdfast', createHash('sha256').update(dataDir).digest('hex').slice(0, 12));
}

function isOpenToAll(path: string): boolean {
  for (let directory = path; ; directory = dirname(directory)) {
    if (existsSync(directory) && (statSync(directory).mode & 0o001) === 0) return false;
    if (directory === dirname(directory)) return true;
  }
}
