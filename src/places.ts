import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** Where what a server keeps lies; absolute paths. */
export interface Places {
  /** Temporal's database, logs and caches. */
  readonly dataDir: string;
  /** Records, blobs and the master keys. */
  readonly sessionsDir: string;
  /** Mirrors and disposable work trees. */
  readonly workingDir: string;
  /** `skills/` of the server. */
  readonly agentDir: string;
}

/** The places that an environment names, and what follows from DATA_DIR for the others. */
export function placesOf(env: Readonly<Record<string, string | undefined>>): Places {
  const dataDir = resolve(env['DATA_DIR'] ?? '.holdfast');
  return {
    dataDir,
    sessionsDir: resolve(env['SESSIONS_DIR'] ?? join(dataDir, 'sessions')),
    workingDir: resolve(env['WORKING_DIR'] ?? defaultWorkingDir(dataDir)),
    agentDir: resolve(env['AGENT_DIR'] ?? join(dataDir, 'agent')),
  };
}

/**
 * Work trees lie below the data directory, unless its path is closed to the ordinary user that commands run as when the server is
 * root (a checkout in root's home, say): then below /var/lib, in a directory of their own.
 */
function defaultWorkingDir(dataDir: string): string {
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
