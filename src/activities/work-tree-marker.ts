import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FileState } from '../store/journal.ts';

/**
 * Says, beside a work tree, that its files are exactly a certain tree: then it need not be rebuilt. It is taken away before anything
 * changes a file. It holds the boot it was written in: after a power failure neither files nor marker can be believed.
 */
export class WorkTreeMarker {
  readonly #file: string;

  constructor(stateDirectory: string) {
    this.#file = join(stateDirectory, 'at');
  }

  says(files: FileState): boolean {
    try {
      return readFileSync(this.#file, 'utf8') === contentFor(files);
    } catch {
      return false;
    }
  }

  set(files: FileState): void {
    writeFileSync(this.#file, contentFor(files));
  }

  clear(): void {
    rmSync(this.#file, { force: true });
  }
}

function contentFor({ tree, kept }: FileState): string {
  return `${tree} ${kept ?? 'none'} ${bootId()}`;
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return `${process.ppid}`; // No Linux: at worst the work tree is rebuilt once too often.
  }
}
