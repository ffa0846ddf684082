import { createHash, type Hash } from 'node:crypto';
import { HoldfastError } from '../domain/failure.ts';
import { plumb } from './plumbing.ts';

/**
 * SHA-256 of the content of blobs, in the order of their ids: one process for all, and never a whole file in memory.
 * @throws HoldfastError GIT_FAILED when an id is not that of a blob
 */
export async function hashBlobs(gitDir: string, objects: readonly string[]): Promise<string[]> {
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
  await plumb(gitDir, ['cat-file', '--batch'], { stdin: objects.map((object) => `${object}\n`).join(''), onOutput });
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
