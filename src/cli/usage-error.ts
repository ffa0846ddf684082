import { readFileSync } from 'node:fs';

/** Wrong use of the command line. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/**
 * The content of a file with a secret in it, without white space around it.
 * @param name the option or variable that named the file.
 * @throws UsageError when it cannot be read.
 */
export function readSecretFile(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new UsageError(`${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
