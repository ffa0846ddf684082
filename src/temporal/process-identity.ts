import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const PREFIX = 'holdfast';

/** A name for this process that no other process ever has: its host's id, its pid, and when it started. Workers are known by it to Temporal. */
export function workerIdentity(hostFile: string): string {
  return [PREFIX, hostId(hostFile), process.pid, processStart(process.pid)].join(':');
}

/** True when the identity is of a worker of this host (this data directory) whose process is gone. */
export function isDeadWorker(identity: string, hostFile: string): boolean {
  const [prefix, host, pid, start] = identity.split(':');
  if (prefix !== PREFIX || host !== hostId(hostFile)) return false;
  return processStart(Number(pid)) !== start;
}

/** When a process started, in clock ticks since the boot (proc_pid_stat(5), field 22), or `gone`. Elsewhere than on Linux: `alive` or `gone`. */
export function processStart(pid: number): string {
  if (!existsSync('/proc/self/stat')) return isSignallable(pid) ? 'alive' : 'gone';
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? 'gone' : (fields[19] ?? 'gone');
  } catch {
    return 'gone';
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
    try {
      writeFileSync(file, randomUUID(), { flag: 'wx' });
    } catch (error) {
      if (!existsSync(file)) throw error; // Another process of the host was first.
    }
  }
  return readFileSync(file, 'utf8').trim();
}
