import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { removeTree } from './remove-tree.ts';

/** The end of the name of a session's directory while it is made. */
export const ASIDE = '.new';

/** The sessions that have something below the directory of a {@link GitManager}. */
export async function heldSessions(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return [...new Set(names.filter((name) => name.startsWith('ses_')).map((name) => name.replace(/\.new$/, '')))];
}

/** Removes what lies below the directory of a {@link GitManager} for a session, also while a last command still writes there. */
export async function removeSessionFiles(directory: string, sessionId: string): Promise<void> {
  const path = join(directory, sessionId);
  for (const one of [path, `${path}${ASIDE}`]) await removeTree(one);
}
