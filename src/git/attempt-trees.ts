import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { makeReadableDirectory } from './readable-directory.ts';
import { removeTree } from './remove-tree.ts';

/** Who works on a session: a process, by a name that no other one ever has. */
export interface Owner {
  readonly name: string;
  /** True when the process of another name is certainly gone. */
  readonly isGone: (name: string) => boolean;
}

const OWNER_FILE = 'owner';
const LAST_BREATH_MS = 3000;

/**
 * The directories in which the attempts at a session work, each under the name of its epoch: whatever an older attempt still does, be it
 * a hung worker that wakes up or a command that outlives its server, it can never reach the files of a newer one. A newer attempt takes
 * the directory of the last one over, ignored files and all, when certainly nobody is in it any more; else it begins with an empty one.
 */
export class AttemptTrees {
  readonly #directory: string;
  readonly #sandbox: Sandbox;

  constructor(directory: string, sandbox: Sandbox) {
    this.#directory = directory;
    this.#sandbox = sandbox;
  }

  /** The directory of the newest attempt, or of none. */
  newest(): string {
    return join(this.#directory, this.#names().at(-1) ?? '0');
  }

  /** Makes the directory of a new attempt, with what the last one left if that can be trusted. */
  async take(epoch: number, owner: Owner): Promise<string> {
    // Without walls commands see the real path, and it must stay the same for them.
    const name = this.#sandbox.kind === 'off' ? '0' : String(epoch);
    const own = join(this.#directory, name);
    await makeReadableDirectory(this.#directory);
    const last = this.#names().at(-1);
    if (last !== undefined && last !== name && (await this.#isFree(last, owner, LAST_BREATH_MS))) {
      await rename(join(this.#directory, last), own);
      // Who was just starting a command by the old name may have got in after all.
      if (this.#sandbox.isInUse(own)) await rename(own, join(this.#directory, last));
    }
    await makeReadableDirectory(own);
    await writeFile(join(own, OWNER_FILE), owner.name);
    await this.#removeOlder(name, owner);
    return own;
  }

  /** Says that the attempt is over and nobody is in its directory any more. */
  static async release(directory: string): Promise<void> {
    if (existsSync(directory)) await writeFile(join(directory, OWNER_FILE), '');
  }

  async #isFree(name: string, owner: Owner, patienceMs: number): Promise<boolean> {
    const directory = join(this.#directory, name);
    const last = ownerOf(directory);
    if (last === '') return true;
    if (last === null || (last !== owner.name && !owner.isGone(last))) return false;
    // The commands of a dead server die with it, but not in the same moment.
    const end = performance.now() + patienceMs;
    while (this.#sandbox.isInUse(directory)) {
      if (performance.now() >= end) return false;
      await sleep(20);
    }
    return true;
  }

  async #removeOlder(name: string, owner: Owner): Promise<void> {
    for (const older of this.#names().filter((other) => other !== name)) {
      if (await this.#isFree(older, owner, 0)) await removeTree(join(this.#directory, older));
    }
  }

  #names(): string[] {
    if (!existsSync(this.#directory)) return [];
    const names = readdirSync(this.#directory).filter((name) => /^\d+$/.test(name));
    return names.toSorted((a, b) => Number(a) - Number(b));
  }
}

/** Null when nothing can be read: a power failure has torn it. */
function ownerOf(directory: string): string | null {
  try {
    return readFileSync(join(directory, OWNER_FILE), 'utf8');
  } catch {
    return null;
  }
}
