import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SandboxLimits } from './sandbox.ts';

/** The control group of one command. */
export interface Cgroup {
  add(pid: number): void;
  outOfMemory(): boolean;
  kill(): void;
  remove(): void;
}

/** Makes a control group per command. */
export type CgroupFactory = (id: string, limits: SandboxLimits) => Cgroup;

/**
 * Control groups of version 2, where a subtree is delegated to the server (systemd `Delegate=yes`, writable cgroups in a container):
 * memory and process limits for whole trees. Undefined elsewhere; then rlimits and a watchdog do what they can.
 */
export function detectCgroups(): CgroupFactory | undefined {
  if (!existsSync('/sys/fs/cgroup/cgroup.controllers')) return undefined;
  const own = /^0::(.*)$/m.exec(read('/proc/self/cgroup'))?.[1] ?? '';
  const root = join('/sys/fs/cgroup', own);
  if (!/\bmemory\b/.test(read(join(root, 'cgroup.controllers')))) return undefined;
  try {
    accessSync(root, constants.W_OK);
    // Only possible when the server itself sits in a leaf: a group with processes cannot delegate controllers.
    writeFileSync(join(root, 'cgroup.subtree_control'), '+memory +pids');
  } catch {
    return undefined;
  }
  return (id, limits) => createCgroup(join(root, `holdfast-${id}`), limits);
}

function createCgroup(directory: string, limits: SandboxLimits): Cgroup {
  mkdirSync(directory);
  writeFileSync(join(directory, 'memory.max'), String(limits.memoryBytes));
  writeFileSync(join(directory, 'pids.max'), String(limits.pids));
  for (const [file, value] of [
    ['memory.swap.max', '0'],
    ['memory.oom.group', '1'],
  ] as const)
    tryWrite(join(directory, file), value);
  return {
    add: (pid) => writeFileSync(join(directory, 'cgroup.procs'), String(pid)),
    outOfMemory: () => /^oom_kill [1-9]/m.test(read(join(directory, 'memory.events'))),
    kill: () => tryWrite(join(directory, 'cgroup.kill'), '1'),
    remove: () => removeEmpty(directory),
  };
}

/** The kernel lets a group go only some moments after its last process. */
function removeEmpty(directory: string, tries = 0): void {
  try {
    rmdirSync(directory);
  } catch {
    if (tries < 20) setTimeout(() => removeEmpty(directory, tries + 1), 25 * (tries + 1)).unref();
  }
}

function tryWrite(file: string, value: string): void {
  try {
    writeFileSync(file, value);
  } catch {
    // Not offered by this kernel.
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
