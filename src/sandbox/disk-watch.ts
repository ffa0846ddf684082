import { lstat, opendir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { SandboxLimits } from './sandbox.ts';

/** A workspace is measured again when its file system has lost so much since the last time, and not more often than every second. */
const MEASURE_STEP_BYTES = 64 * 2 ** 20;
const MEASURE_PAUSE_MS = 1000;

type DiskLimits = Pick<SandboxLimits, 'minFreeDiskBytes' | 'minFreeInodes' | 'workspaceBytes'>;

/** Watches what a command makes of the disk: no rlimit sees the sum of its files, or their number. */
export class DiskWatch {
  readonly #workspace: string;
  readonly #limits: DiskLimits;
  #freeWhenMeasured: number | null = null;
  #measuredAt = 0;

  constructor(workspace: string, limits: DiskLimits) {
    this.#workspace = workspace;
    this.#limits = limits;
  }

  /** True when the command has to end. */
  async isOver(): Promise<boolean> {
    const disk = await statfs(this.#workspace).catch(() => null);
    if (disk === null) return false;
    const free = disk.bavail * disk.bsize;
    // Some file systems have no fixed number of files, and say 0.
    if (free < this.#limits.minFreeDiskBytes || (disk.files > 0 && disk.ffree < this.#limits.minFreeInodes))
      return true;
    this.#freeWhenMeasured ??= free;
    const now = performance.now();
    if (this.#freeWhenMeasured - free < MEASURE_STEP_BYTES || now - this.#measuredAt < MEASURE_PAUSE_MS) return false;
    this.#freeWhenMeasured = free;
    this.#measuredAt = now;
    return (await usedBytes(this.#workspace, this.#limits.workspaceBytes)) > this.#limits.workspaceBytes;
  }
}

/** What the files of a directory take up on the disk; the count ends when it is beyond `enough`. No link is followed. */
async function usedBytes(directory: string, enough: number): Promise<number> {
  const seen = new Set<number>();
  const todo = [directory];
  let sum = 0;
  for (let path = todo.pop(); path !== undefined && sum <= enough; path = todo.pop()) {
    try {
      for await (const entry of await opendir(path)) {
        const file = join(path, entry.name);
        if (entry.isDirectory()) todo.push(file);
        const { blocks, ino, nlink } = await lstat(file);
        if (nlink > 1 && !entry.isDirectory()) {
          if (seen.has(ino)) continue;
          seen.add(ino);
        }
        sum += blocks * 512;
      }
    } catch {
      // Gone since it was listed, or closed to us.
    }
  }
  return sum;
}
