import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { HoldfastError } from '../domain/failure.ts';

/**
 * Does work while nobody else, in whatever process of this machine, does any under the same lock. The lock is the kernel's (flock(2), by
 * flock(1)) and is free as soon as its holder is dead: there is no lock that somebody left.
 * @param file is made if need be, and stays.
 * @throws what the work throws, the reason of the signal, or HoldfastError STORAGE_FAILED when there can be no lock
 */
export async function exclusively<T>(file: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  signal?.throwIfAborted();
  // It says that it has the lock, and holds it until our end of its input is closed: by us, or by our death.
  const holder = spawn('flock', ['--no-fork', file, '/bin/sh', '-c', 'echo; exec cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const abort = (): void => void holder.kill('SIGKILL');
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const ended = once(holder, 'close').catch(() => undefined);
    const got = await Promise.race([once(holder.stdout, 'data').then(() => true), ended.then(() => false)]);
    signal?.throwIfAborted();
    if (!got) throw new HoldfastError('STORAGE_FAILED', `There can be no lock at ${file}.`);
    return await work();
  } finally {
    signal?.removeEventListener('abort', abort);
    holder.stdin.end();
    holder.stdout.resume();
  }
}
