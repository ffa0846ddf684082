import { createHash, type Hash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { HoldfastError } from '../domain/failure.ts';
import { plumb } from './plumbing.ts';

/** Blobs to be hashed. */
export interface HashJob {
  readonly gitDir: string;
  readonly objects: readonly string[];
}

/** Below this many blobs a thread costs more than it saves. */
const WORTH_A_THREAD = 1_000;

/**
 * SHA-256 of the content of blobs, in the order of their ids, by all cores: unpacking is what takes the time, so each thread has a
 * git process of its own. Never a whole file in memory.
 * @throws HoldfastError GIT_FAILED when an id is not that of a blob
 */
export async function hashBlobs(gitDir: string, objects: readonly string[]): Promise<string[]> {
  const threads = Math.min(availableParallelism(), Math.ceil(objects.length / WORTH_A_THREAD));
  if (threads <= 1) return hashInOneProcess({ gitDir, objects });
  // Neighbours in the tree are neighbours in the pack: each thread gets one stretch.
  const size = Math.ceil(objects.length / threads);
  const parts = Array.from({ length: threads }, (_, index) => objects.slice(index * size, (index + 1) * size));
  return (await Promise.all(parts.map((part) => hashInThread({ gitDir, objects: part })))).flat();
}

function hashInThread(job: HashJob): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const thread = new Worker(new URL('./hash-worker.ts', import.meta.url), { workerData: job });
    thread.once('message', resolve);
    thread.once('error', (cause) => reject(new HoldfastError('GIT_FAILED', cause.message, { cause })));
    thread.once('exit', () => reject(new HoldfastError('GIT_FAILED', 'A thread that hashed ended without an answer.')));
  });
}

/**
 * The same in this thread, with one git process.
 * @param until when aborted, git is ended, and those that were done by then are answered: the first ones
 */
export async function hashInOneProcess({ gitDir, objects }: HashJob, until?: AbortSignal): Promise<string[]> {
  const output = new BatchHasher();
  let failure: unknown;
  const onOutput = (chunk: Buffer): void => {
    if (failure !== undefined) return;
    try {
      output.add(chunk);
    } catch (error) {
      failure = error;
    }
  };
  const stdin = objects.map((object) => `${object}\n`).join('');
  try {
    await plumb(gitDir, ['cat-file', '--batch', '--buffer'], { stdin, onOutput, ...(until && { signal: until }) });
  } catch (error) {
    if (until?.aborted !== true) throw error;
  }
  if (failure !== undefined) throw failure;
  return output.hashes;
}

/** Reads what `git cat-file --batch` writes, `<id> blob <size>\n<content>\n…`, in pieces of any length. */
class BatchHasher {
  readonly hashes: string[] = [];
  #header = '';
  #content: { readonly hash: Hash; left: number } | null = null;

  add(chunk: Buffer): void {
    for (let rest = chunk; rest.length > 0;) {
      rest = rest.subarray(this.#content === null ? this.#takeHeader(rest) : this.#takeContent(rest, this.#content));
    }
  }

  #takeHeader(chunk: Buffer): number {
    const end = chunk.indexOf(10);
    this.#header += chunk.toString('latin1', 0, end < 0 ? chunk.length : end);
    if (end < 0) return chunk.length;
    const size = / blob (\d+)$/.exec(this.#header)?.[1];
    if (size === undefined) throw new HoldfastError('GIT_FAILED', `There is no such file content: ${this.#header}.`);
    this.#header = '';
    this.#content = { hash: createHash('sha256'), left: Number(size) };
    return end + 1;
  }

  #takeContent(chunk: Buffer, content: { readonly hash: Hash; left: number }): number {
    const used = Math.min(content.left, chunk.length);
    content.hash.update(chunk.subarray(0, used));
    content.left -= used;
    if (used === chunk.length) return used; // More of it, or the newline that ends it, is yet to come.
    this.hashes.push(content.hash.digest('hex'));
    this.#content = null;
    return used + 1;
  }
}
