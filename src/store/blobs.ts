import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { HoldfastError } from '../domain/failure.ts';

/** Content-addressed bytes. A blob's id is `sha256:` and 64 hex digits of its content. */
export interface Blobs {
  /** Stores the bytes durably; storing them twice is storing them once. */
  put(bytes: Uint8Array | string): Promise<string>;
  /**
   * Reads a blob and checks its digest.
   * @throws HoldfastError SNAPSHOT_TAMPERED when the content does not match its id, STORAGE_FAILED when it cannot be read.
   */
  get(id: string): Promise<Buffer>;
  /** Removes a blob; one that is not there is removed already. */
  delete(id: string): Promise<void>;
  /** The ids of everything that is stored. */
  list(): Promise<string[]>;
}

/** The id of some bytes. */
export function blobId(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Blobs as files below a directory; a second implementation for S3 has its place beside it. */
export class FileBlobs implements Blobs {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
    this.#sweep();
  }

  async put(bytes: Uint8Array | string): Promise<string> {
    const id = blobId(bytes);
    const path = this.#path(id);
    const temporary = join(this.#incoming, [hostname(), process.pid, randomBytes(6).toString('hex')].join(':'));
    try {
      for (const directory of [this.#incoming, dirname(path)]) await this.#makeDirectory(directory);
      await using file = await open(temporary, 'wx');
      await file.writeFile(bytes);
      await file.sync(); // The rename may only show complete bytes, also after loss of power.
      await rename(temporary, path);
      return id;
    } catch (cause) {
      await rm(temporary, { force: true }).catch(() => undefined); // On a full disk, half a blob would make matters worse.
      throw new HoldfastError('STORAGE_FAILED', `Blob ${id} could not be written: ${String(cause)}`, { cause });
    }
  }

  /** Not recursively as a rule: Node then calls a read-only disk a missing directory. */
  async #makeDirectory(path: string): Promise<void> {
    if (!existsSync(this.#root)) await mkdir(this.#root, { recursive: true });
    await mkdir(path).catch((error: unknown) => {
      if (!existsSync(path)) throw error;
    });
  }

  async get(id: string): Promise<Buffer> {
    const bytes = await readFile(this.#path(id)).catch((cause: unknown) => {
      throw new HoldfastError('STORAGE_FAILED', `Blob ${id} could not be read: ${String(cause)}`, { cause });
    });
    if (blobId(bytes) !== id)
      throw new HoldfastError('SNAPSHOT_TAMPERED', `Blob ${id} does not have the content it was stored with.`);
    return bytes;
  }

  async delete(id: string): Promise<void> {
    await rm(this.#path(id), { force: true });
  }

  async list(): Promise<string[]> {
    const names = existsSync(this.#root) ? await readdir(this.#root, { recursive: true }) : [];
    return names
      .map((name) => basename(name))
      .filter((name) => /^[0-9a-f]{64}$/.test(name))
      .map((hex) => `sha256:${hex}`);
  }

  /** Where blobs are written, under the name of who writes them, before they get their own. */
  get #incoming(): string {
    return join(this.#root, 'incoming');
  }

  /** Removes what dead processes of this host were writing, as far as the disk can be written now. */
  #sweep(): void {
    try {
      for (const name of existsSync(this.#incoming) ? readdirSync(this.#incoming) : []) {
        const [host, pid] = name.split(':');
        if (host === hostname() && !isAlive(Number(pid))) rmSync(join(this.#incoming, name), { force: true });
      }
    } catch {
      // Another start will do it.
    }
  }

  #path(id: string): string {
    const hex = /^sha256:([0-9a-f]{64})$/.exec(id)?.[1];
    if (hex === undefined) throw new HoldfastError('STORAGE_FAILED', `${id} is not a blob id.`);
    return join(this.#root, hex.slice(0, 2), hex);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'; // Somebody else's, but there.
  }
}
