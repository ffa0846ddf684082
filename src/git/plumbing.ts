import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { HoldfastError } from '../domain/failure.ts';
import { gitEnvironment } from './git-environment.ts';

const TIMEOUT_MS = 10 * 60_000;

/** What may be said about a plumbing command. */
export interface PlumbOptions {
  readonly stdin?: string | Uint8Array;
  /** Added to the environment of {@link gitEnvironment}. */
  readonly env?: Readonly<Record<string, string>>;
  /** Gets the output piece by piece, instead of the result, which is then empty. */
  readonly onOutput?: (chunk: Buffer) => void;
  /** Ends the command at once. */
  readonly signal?: AbortSignal;
}

/**
 * Runs a plumbing command in a server-owned git directory, outside the sandbox: it sees only that directory and checked bytes,
 * never a work tree. Input and output may be binary.
 * @throws HoldfastError GIT_FAILED with what git said.
 */
export function plumb(gitDir: string, args: readonly string[], options: PlumbOptions = {}): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn('git', [`--git-dir=${gitDir}`, ...args], {
      cwd: '/',
      env: { ...gitEnvironment('nothing'), ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
      ...(options.signal !== undefined && { signal: options.signal }),
    });
    const output: Buffer[] = [];
    const complaint: Buffer[] = [];
    child.stdout.on('data', options.onOutput ?? ((chunk: Buffer) => output.push(chunk)));
    child.stderr.on('data', (chunk: Buffer) => complaint.push(chunk));
    child.stdin.on('error', () => undefined); // git may have said no before it read everything.
    child.stdin.end(options.stdin ?? '');
    child.once('error', (cause) =>
      reject(new HoldfastError('GIT_FAILED', `git could not be started: ${cause.message}`, { cause })),
    );
    child.once('close', (code) => {
      if (code === 0) return resolve(Buffer.concat(output));
      const said = Buffer.concat(complaint).toString('utf8').trim().slice(0, 2000);
      reject(gitFailed(`git ${args[0]} ended with ${code}: ${said}`));
    });
  });
}

/** What git said, as a failure of git or of the disk under it. */
export function gitFailed(message: string): HoldfastError {
  const isDisk = /No space left on device|Disk quota exceeded|Read-only file system|Input\/output error/i.test(message);
  return new HoldfastError(isDisk ? 'STORAGE_FAILED' : 'GIT_FAILED', message);
}

/** The output as one line of text. */
export async function plumbLine(gitDir: string, args: readonly string[], options: PlumbOptions = {}): Promise<string> {
  return (await plumb(gitDir, args, options)).toString('utf8').trim();
}

/** The output as a list whose items end with NUL (`-z`). */
export async function plumbList(gitDir: string, args: readonly string[]): Promise<string[]> {
  return (await plumb(gitDir, args)).toString('utf8').split('\0').filter(Boolean);
}

/** The content of a file, as a stream. One that ends early has failed: whoever reads it knows how long it is. */
export function streamBlob(gitDir: string, object: string): Readable {
  const child = spawn('git', [`--git-dir=${gitDir}`, 'cat-file', 'blob', object], {
    cwd: '/',
    env: gitEnvironment('nothing'),
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  child.once('error', (error) => child.stdout.destroy(error));
  return child.stdout;
}
