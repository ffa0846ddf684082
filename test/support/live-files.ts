import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Names of everything below a directory that others are working in: what goes while it is read is left out. */
export function namesBelow(directory: string): string[] {
  return entriesOf(directory).flatMap((entry) => {
    if (!entry.isDirectory()) return [entry.name];
    return [entry.name, ...namesBelow(join(directory, entry.name)).map((name) => join(entry.name, name))];
  });
}

/** What a file holds, byte by byte; nothing when it has gone, or is none. */
export function contentOf(file: string): string {
  return unlessGone(() => readFileSync(file, 'latin1')) ?? '';
}

function entriesOf(directory: string) {
  return unlessGone(() => readdirSync(directory, { withFileTypes: true })) ?? [];
}

function unlessGone<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (['ENOENT', 'ENOTDIR', 'EISDIR', 'ESRCH', 'ENXIO'].includes(code)) return null;
    throw error;
  }
}
