import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { makeReadableDirectory } from './readable-directory.ts';

/** Makes a directory of the sandbox's user, if it is not there: a kill leaves it with that owner, or not at all. */
export async function makeAdoptedDirectory(sandbox: Pick<Sandbox, 'adopt'>, directory: string): Promise<void> {
  if (existsSync(directory)) return;
  const aside = `${directory}.new`;
  await makeReadableDirectory(aside);
  await sandbox.adopt(aside);
  await rename(aside, directory);
}
