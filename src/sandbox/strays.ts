import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The name under which the first process inside is started; strays are known by it. */
export const GATE = 'holdfast-gate';

/** How the directories of sandboxes begin; the pid of their server follows. */
export const SANDBOX_DIRECTORY = 'holdfast-sandbox-';

/**
 * Removes what dead servers left: the directories of their sandboxes, and bubblewraps killed in the middle of their set-up (the outer
 * process is dead and the inner one waits for it for ever; it has run nothing and never will). Such a stray belongs to init; the
 * sandboxes of living servers do not.
 */
export function sweepStrays(): void {
  sweepDirectories();
  if (process.pid === 1) return; // As init itself, everything orphaned would look like ours.
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (Number.isInteger(pid) && isStray(pid)) killQuietly(pid);
  }
}

function sweepDirectories(): void {
  for (const name of readdirSync(tmpdir())) {
    const [, pid] = new RegExp(`^${SANDBOX_DIRECTORY}(\\d+)-`).exec(name) ?? [];
    if (pid !== undefined && !existsSync(`/proc/${pid}`))
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
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
