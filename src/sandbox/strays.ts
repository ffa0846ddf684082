import { readdirSync, readFileSync } from 'node:fs';

/** The name under which the first process inside is started; strays are known by it. */
export const GATE = 'holdfast-gate';

/**
 * Ends bubblewraps that a killed server left in the middle of their set-up: the outer process is dead, and the inner one waits for it
 * for ever (it has run nothing and never will). Such a stray belongs to init; the sandboxes of living servers do not.
 */
export function sweepStrays(): void {
  if (process.pid === 1) return; // As init itself, everything orphaned would look like ours.
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (Number.isInteger(pid) && isStray(pid)) killQuietly(pid);
  }
}

function isStray(pid: number): boolean {
  try {
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    if (!args[0]?.endsWith('bwrap') || !args.includes(GATE)) return false;
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] === '1';
  } catch {
    return false; // Gone since it was listed.
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone, or another user's.
  }
}
