import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { plumb, plumbLine } from './plumbing.ts';
import { runRemote, type Remote } from './remote.ts';

/** A commit that a ref stands for. */
export interface Resolved {
  readonly commit: string;
  /** The full name of the ref, or the commit id itself. */
  readonly ref: string;
}

/**
 * One bare mirror per repository URL, from which sessions borrow objects: a second session on a repository costs a fetch of what is new.
 * Objects are never pruned while sessions live on them.
 */
export class Mirrors {
  readonly #directory: string;
  readonly #queues = new Map<string, Promise<unknown>>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  pathOf(url: string): string {
    return join(this.#directory, `${createHash('sha256').update(url).digest('hex').slice(0, 32)}.git`);
  }

  /** Fetches a ref (or exactly one commit) into the mirror and answers the mirror's path. Calls for one mirror come one after the other. */
  fetch(remote: Remote, { ref, commit }: Resolved): Promise<string> {
    const path = this.pathOf(remote.url);
    const before = this.#queues.get(path) ?? Promise.resolve();
    const work = before.catch(() => undefined).then(() => this.#fetch(path, remote, ref, commit));
    this.#queues.set(path, work);
    return work;
  }

  async #fetch(path: string, remote: Remote, ref: string, commit: string): Promise<string> {
    if (!existsSync(join(path, 'HEAD'))) {
      await mkdir(this.#directory, { recursive: true });
      await plumb(path, ['init', '-q', '--bare', '--template=', path]);
    }
    if (await hasCommit(path, commit)) return path;
    const wanted = ref.startsWith('refs/') ? [`+${ref}:refs/mirror/${ref.slice('refs/'.length)}`] : [commit];
    await runRemote(path, remote, ['fetch', '-q', '--no-tags', '--no-write-fetch-head', '--', remote.url, ...wanted]);
    // The ref may have moved since it was resolved: then the commit itself is asked for.
    if (!(await hasCommit(path, commit))) {
      await runRemote(path, remote, ['fetch', '-q', '--no-tags', '--no-write-fetch-head', '--', remote.url, commit]);
    }
    return path;
  }
}

async function hasCommit(gitDir: string, commit: string): Promise<boolean> {
  try {
    await plumbLine(gitDir, ['rev-list', '--objects', '--quiet', '--max-count=1', commit]);
    return true;
  } catch {
    return false;
  }
}
