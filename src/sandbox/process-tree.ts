import { readdirSync, readFileSync } from 'node:fs';

const PAGE_BYTES = 4096;
const CLOSE_ON_EXEC = 0o2000000;

/** Children of a process; empty when it is gone. */
export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

/** Resident memory of a process and everything below it, in bytes. */
export function residentBytes(root: number): number {
  let sum = 0;
  const todo = [root];
  for (let pid = todo.pop(); pid !== undefined; pid = todo.pop()) {
    try {
      sum += Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES;
      todo.push(...childrenOf(pid));
    } catch {
      // Gone since it was listed.
    }
  }
  return sum;
}

/** Resolves when a process is dead. A zombie is dead: in a container without an init nobody may ever reap it. */
export async function untilGone(pid: number): Promise<void> {
  for (let round = 0; round < 500; round += 1) {
    const state = stateOf(pid);
    if (state === undefined || state === 'Z' || state === 'X') return;
    await new Promise((resolve) => setTimeout(resolve, round < 20 ? 1 : 10));
  }
}

/** Descriptors above 2 that a child process would inherit: the server may itself have been started with some. */
export function inheritableDescriptors(): number[] {
  const found: number[] = [];
  for (const name of readdirSync('/proc/self/fd')) {
    const descriptor = Number(name);
    if (descriptor <= 2) continue;
    try {
      const flags = /flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${name}`, 'utf8'))?.[1] ?? '0';
      if ((Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0) found.push(descriptor);
    } catch {
      // Closed since it was listed.
    }
  }
  return found;
}

function stateOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat[stat.lastIndexOf(')') + 2];
  } catch {
    return undefined;
  }
}
