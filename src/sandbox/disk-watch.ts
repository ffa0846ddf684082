import { execFile } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import type { SandboxLimits } from './sandbox.ts';

/** A workspace is measured every second, and a large one so seldom that measuring takes a twentieth of the time. */
const MEASURE_PAUSE_MS = 1000;
const PAUSE_PER_COST = 20;
const KIB = 1024;

type DiskLimits = Pick<SandboxLimits, 'minFreeDiskBytes' | 'minFreeInodes' | 'workspaceBytes'>;

/** Watches what a command makes of the disk: no rlimit sees the sum of its files, or their number. */
export class DiskWatch {
  readonly #workspace: string;
  readonly #limits: DiskLimits;
  #nextMeasure = performance.now() + MEASURE_PAUSE_MS;

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
    const started = performance.now();
    if (started < this.#nextMeasure) return false;
    const used = await usedBytes(this.#workspace);
    const ended = performance.now();
    this.#nextMeasure = ended + Math.max(MEASURE_PAUSE_MS, PAUSE_PER_COST * (ended - started));
    return used > this.#limits.workspaceBytes;
  }
}

/** What the files of a directory take up on the disk, each once; du(1) follows no link, and tells also what it could read in part. */
function usedBytes(directory: string): Promise<number> {
  return new Promise((resolve) => {
    execFile('du', ['-s', '-x', '-k', '--', directory], { timeout: 60_000 }, (_, output) =>
      resolve((Number.parseInt(output, 10) || 0) * KIB),
    );
  });
}
