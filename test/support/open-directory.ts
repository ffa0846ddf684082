import { chmodSync } from 'node:fs';
import { temporaryDirectory } from './temporary-directory.ts';

/** A directory that the sandbox's user can walk through; gone when the test is over. */
export function openDirectory(): string {
  const directory = temporaryDirectory();
  chmodSync(directory, 0o755);
  return directory;
}
