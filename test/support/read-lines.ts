import { readFileSync } from 'node:fs';

/** The lines of a file; none while it is not there. */
export function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
}
