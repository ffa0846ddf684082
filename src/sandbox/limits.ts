import type { SandboxLimits } from './sandbox.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** What a command may use when nobody says otherwise. */
export const defaultLimits: SandboxLimits = {
  wallMs: 10 * 60_000,
  memoryBytes: 4 * GIB,
  processDataBytes: 4 * GIB,
  pids: 512,
  cpuSeconds: 20 * 60,
  fileBytes: 2 * GIB,
  openFiles: 4096,
  tmpBytes: 512 * MIB,
  outputBytes: 32 * MIB,
  minFreeDiskBytes: 1 * GIB,
  minFreeInodes: 10_000,
  workspaceBytes: 20 * GIB,
  minFreeMemoryBytes: 256 * MIB,
};

/** The rlimits as arguments of prlimit(1), to be followed by the command. */
export function rlimitArguments(limits: SandboxLimits): string[] {
  return [
    '/usr/bin/prlimit',
    `--nproc=${limits.pids}`,
    `--data=${limits.processDataBytes}`,
    `--fsize=${limits.fileBytes}`,
    `--nofile=${limits.openFiles}`,
    `--cpu=${limits.cpuSeconds}`,
    '--core=0',
    '--',
  ];
}
