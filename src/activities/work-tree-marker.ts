import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkTree } from '../git/work-tree.ts';
import type { FileState } from '../store/journal.ts';

/**
 * Says, beside a work tree, that its files are exactly a certain tree: then it need not be rebuilt. It is taken away before anything
 * changes a file. It holds the boot it was written in (after a power failure neither files nor marker can be believed), the
 * directory it is about, and who wrote it.
 */
export class WorkTreeMarker {
  readonly #file: string;
  readonly #workspace: string;
  readonly #writer: string;

  /** @param writer the name of this worker. */
  constructor({ stateDirectory, spec }: Pick<WorkTree, 'stateDirectory' | 'spec'>, writer: string) {
    this.#file = join(stateDirectory, 'at');
    this.#workspace = spec.workspace;
    this.#writer = writer;
  }

  /** `mine` when this worker left the files so, `theirs` when another one says that it did: then it is to be looked at. */
  says(files: FileState): 'mine' | 'theirs' | 'no' {
    try {
      const [about, writer] = readFileSync(this.#file, 'utf8').split('\n');
      if (about !== this.#about(files)) return 'no';
      return writer === this.#writer ? 'mine' : 'theirs';
    } catch {
      return 'no';
    }
  }

  set(files: FileState): void {
    writeFileSync(this.#file, `${this.#about(files)}\n${this.#writer}`);
  }

  clear(): void {
    rmSync(this.#file, { force: true });
  }

  #about({ tree, kept }: FileState): string {
    const { dev, ino } = statSync(this.#workspace);
    return [tree, kept ?? 'none', bootId(), dev, ino].join(' ');
  }
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return `${process.ppid}`; // No Linux: at worst the work tree is rebuilt once too often.
  }
}
