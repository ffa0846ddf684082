import { randomUUID } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

const PREFIX = 'holdfast';

/**
 * A name for this process that no other process ever has: its host's id, the boot and the container it runs in, its pid, and when it
 * started. Workers are known by it to Temporal.
 */
export function workerIdentity(hostFile: string): string {
  return [PREFIX, hostId(hostFile), bootId(), pidNamespace(), process.pid, processStart(process.pid)].join(':');
}

/**
 * True when the identity is of a worker of this host (this data directory) whose process is certainly gone. Of one in another
 * container nothing can be said: its pids are not ours.
 */
export function isDeadWorker(identity: string, hostFile: string): boolean {
  const [prefix, host, boot, namespace, pid, start] = identity.split(':');
  if (prefix !== PREFIX || host !== hostId(hostFile)) return false;
  if (boot !== bootId()) return true;
  return namespace === pidNamespace() && processStart(Number(pid)) !== start;
}

/** When a process started, in clock ticks since the boot (proc_pid_stat(5), field 22), or `gone`. Elsewhere than on Linux: `alive` or `gone`. */
export function processStart(pid: number): string {
  if (!existsSync('/proc/self/stat')) return isSignallable(pid) ? 'alive' : 'gone';
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' && isBare(pid) ? 'gone' : (fields[19] ?? 'gone');
  } catch {
    return 'gone';
  }
}

/** True of a zombie with no thread left: while one is left, files and ports are still open, and the last write may be going on. */
function isBare(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).length <= 1;
}

/** Tells one boot of the machine from another; empty where there is none to be read. */
function bootId(): string {
  return readQuietly(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
}

/** The kernel's name for the space in which our pids are counted: each container has its own. */
function pidNamespace(): string {
  return readQuietly(() => readlinkSync('/proc/self/ns/pid').replaceAll(/\D/g, ''));
}

function readQuietly(read: () => string): string {
  try {
    return read();
  } catch {
    return ''; // No Linux.
  }
}

function isSignallable(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function hostId(file: string): string {
  if (!existsSync(file)) {
    mkdirSync(dirname(file), { recursive: true });
    const own = `${file}.${process.pid}`;
    writeFileSync(own, randomUUID());
    try {
      linkSync(own, file); // Whole or not at all, and only the first one.
    } catch (error) {
      if (!existsSync(file)) throw error; // Another process of the host was first.
    } finally {
      rmSync(own, { force: true });
    }
  }
  return readFileSync(file, 'utf8').trim();
}
