import { randomBytes } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { SandboxLimits } from './sandbox.ts';

/** The control group of one command. */
export interface Cgroup {
  add(pid: number): void;
  outOfMemory(): boolean;
  kill(): void;
  remove(): void;
}

/** The control groups of this server's commands. */
export interface Cgroups {
  /** Makes the group of one command, with its limits. */
  make(limits: Pick<SandboxLimits, 'memoryBytes' | 'pids'>): Cgroup;
  /** Removes the groups of servers that are dead, and ends what may still be in them. */
  sweep(): void;
}

/** How groups are named: the pid of their server follows, then something random. */
const PREFIX = 'holdfast-';

/**
 * Control groups of version 2, where a subtree is delegated to the server (systemd `Delegate=yes`, writable cgroups in a container):
 * memory and process limits for whole trees. Undefined elsewhere; then rlimits and a watchdog do what they can.
 * @param mount where the hierarchy is mounted.
 * @param own the group this process is in, as a path below the mount.
 */
export function detectCgroups(mount = '/sys/fs/cgroup', own = ownGroup()): Cgroups | undefined {
  if (!existsSync(join(mount, 'cgroup.controllers'))) return undefined;
  const root = join(mount, own);
  const offered = read(join(root, 'cgroup.controllers')).split(/\s/);
  if (!['memory', 'pids'].every((controller) => offered.includes(controller))) return undefined;
  try {
    accessSync(root, constants.W_OK);
    // Only possible when the server itself sits in a leaf: a group with processes cannot delegate controllers.
    writeFileSync(join(root, 'cgroup.subtree_control'), '+memory +pids');
  } catch {
    return undefined;
  }
  return {
    make: (limits) => makeCgroup(join(root, `${PREFIX}${process.pid}-${randomBytes(6).toString('hex')}`), limits),
    sweep: () => sweepCgroups(root),
  };
}

function ownGroup(): string {
  return /^0::(.*)$/m.exec(read('/proc/self/cgroup'))?.[1] ?? '';
}

function makeCgroup(directory: string, limits: Pick<SandboxLimits, 'memoryBytes' | 'pids'>): Cgroup {
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
    kill: () => kill(directory),
    remove: () => removeEmpty(directory),
  };
}

function sweepCgroups(root: string): void {
  for (const name of readdirSync(root)) {
    const [, pid] = new RegExp(`^${PREFIX}(\\d+)-`).exec(name) ?? [];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    const directory = join(root, name);
    kill(directory);
    removeEmpty(directory);
  }
}

function kill(directory: string): void {
  tryWrite(join(directory, 'cgroup.kill'), '1');
}

/** The kernel lets a group go only some moments after its last process. */
function removeEmpty(directory: string, tries = 0): void {
  try {
    rmdirSync(directory);
  } catch {
    if (tries < 20) setTimeout(() => removeEmpty(directory, tries + 1), 25 * (tries + 1)).unref();
  }
}

/** Not every kernel offers every file. */
function tryWrite(file: string, value: string): void {
  try {
    if (existsSync(file)) writeFileSync(file, value);
  } catch {
    // Or not for this group; or the group is gone.
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
