import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Remembers, beside a work tree, which ignored files did not come along when its directory was made anew, until the agent has been told
 * in a turn that is committed.
 */
export class LostFiles {
  readonly #file: string;

  constructor(stateDirectory: string) {
    this.#file = join(stateDirectory, 'lost.json');
  }

  /** False for a directory that is new. */
  isKnown(): boolean {
    return this.#read() !== null;
  }

  list(): string[] {
    return this.#read() ?? [];
  }

  /** Replaces what is remembered, as a whole: a kill leaves the one or the other. */
  set(paths: readonly string[]): void {
    const text = JSON.stringify(paths);
    if (JSON.stringify(this.#read()) === text) return;
    writeFileSync(`${this.#file}.new`, text);
    renameSync(`${this.#file}.new`, this.#file);
  }

  #read(): string[] | null {
    try {
      return JSON.parse(readFileSync(this.#file, 'utf8')) as string[];
    } catch {
      return null; // Not there, or torn by a power failure: at worst the agent is not told.
    }
  }
}

/** What the agent is told about lost files, or null when there are none. */
export function noteOfLost(paths: readonly string[]): string | null {
  if (paths.length === 0) return null;
  return `[holdfast] The work goes on in a new directory. Files that git ignores did not come along. Gone are: ${paths.join(', ')}. Make them anew if you need them.`;
}
