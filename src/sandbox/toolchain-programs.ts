import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** A PATH on which the programs of these toolchains (in `bin`, or where there is none in the directory itself) come before those of `path`. */
export function withToolchains(toolchains: readonly string[], path: string): string {
  const programs = toolchains.map((directory) => join(directory, 'bin'));
  return [...programs.map((bin, index) => (existsSync(bin) ? bin : toolchains[index])), path].join(':');
}
