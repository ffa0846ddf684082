import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const TRIES = 10;
const DELAY_MS = 100;
const TIMEOUT_MS = 10 * 60_000;

/**
 * Removes a directory in which commands of an agent have worked: also while a last one still writes there, when it is nested deeper
 * than a path can name, and when it forbids itself to be read. Links in it are removed and not followed.
 */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true, maxRetries: TRIES, retryDelay: DELAY_MS });
  } catch (error) {
    if (!isOdd(error)) throw error;
    // These go down directory by directory, where Node names each file by its whole path.
    await run('chmod', ['-R', 'u+rwX', '--', path], { timeout: TIMEOUT_MS }).catch(() => undefined);
    await run('rm', ['-rf', '--', path], { timeout: TIMEOUT_MS });
  }
}

function isOdd(error: unknown): boolean {
  const { code } = Object(error) as { readonly code?: unknown };
  return code === 'ENAMETOOLONG' || code === 'EACCES' || code === 'EPERM';
}
