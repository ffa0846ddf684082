import { existsSync, readFileSync, writeFileSync } from 'node:fs';
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
    return existsSync(this.#file);
  }

  list(): string[] {
    return this.isKnown() ? (JSON.parse(readFileSync(this.#file, 'utf8')) as string[]) : [];
  }

  set(paths: readonly string[]): void {
    writeFileSync(this.#file, JSON.stringify(paths));
  }
}

/** What the agent is told about lost files, or null when there are none. */
export function noteOfLost(paths: readonly string[]): string | null {
  if (paths.length === 0) return null;
  return `[holdfast] The work has moved to another machine. Files that git ignores did not come along. Gone are: ${paths.join(', ')}. Make them anew if you need them.`;
}
