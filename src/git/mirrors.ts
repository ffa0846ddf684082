import { createHash, randomUUID } from 'node:crypto';
import { existsSync, globSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '../domain/failure.ts';
import { createBareRepository, isRepository } from './bare-repository.ts';
import { plumb, plumbLine } from './plumbing.ts';
import { makeReadableDirectory } from './readable-directory.ts';
import type { Resolved } from './probe-remote.ts';
import { runRemote, type Remote } from './remote.ts';

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

  /**
   * Fetches a ref (or exactly one commit) into the mirror and answers the mirror's path. Calls for one mirror come one after the other;
   * other processes may fetch into it at the same time.
   * @throws HoldfastError REF_NOT_FOUND when the commit cannot be had, and what {@link runRemote} throws
   */
  fetch(remote: Remote, { ref, commit }: Resolved): Promise<string> {
    return this.#enqueue(remote.url, (path) => this.#fetch(path, remote, ref, commit));
  }

  /** Fetches everything anew into a mirror that is damaged. What can be read of it stays: other sessions borrow from it. */
  repair(remote: Remote, { ref, commit }: Resolved): Promise<string> {
    const wanted = ref.startsWith('refs/') ? [ref, commit] : [commit];
    return this.#enqueue(remote.url, async (path) => {
      await this.#ensure(path);
      await removeDamagedPacks(path); // A pack that comes anew has the name of the damaged one, and would not replace it.
      await fetchInto(path, remote, wanted, ['--refetch']);
      return path;
    });
  }

  #enqueue(url: string, work: (path: string) => Promise<string>): Promise<string> {
    const path = this.pathOf(url);
    const before = this.#queues.get(path) ?? Promise.resolve();
    const done = before.catch(() => undefined).then(() => work(path));
    this.#queues.set(path, done);
    return done;
  }

  async #fetch(path: string, remote: Remote, ref: string, commit: string): Promise<string> {
    await this.#ensure(path);
    if (await hasCommit(path, commit)) return path;
    if (ref.startsWith('refs/')) {
      const refspec = `+${ref}:refs/mirror/${ref.slice('refs/'.length)}`;
      const failure = await fetchInto(path, remote, [refspec]).catch((error: unknown) => error);
      // The objects come first. The mirror's refs only tell the remote what is here: when one cannot be written (a killed fetch left
      // its lock, another process holds it), nothing is lost.
      if (await hasCommit(path, commit)) return path;
      if (isFinal(failure, remote)) throw failure;
    }
    // Or the ref has moved since it was resolved: then the commit itself is asked for.
    await fetchInto(path, remote, [commit]);
    if (await hasCommit(path, commit)) return path;
    await fetchInto(path, remote, [commit], ['--refetch']); // Or the mirror has lost what it says that it has.
    if (await hasCommit(path, commit)) return path;
    throw new HoldfastError('REF_NOT_FOUND', `${commit} is not a commit of ${remote.url}.`);
  }

  async #ensure(path: string): Promise<void> {
    if (await isRepository(path)) return;
    if (existsSync(path)) {
      const torn = `${path}.${randomUUID()}.torn`;
      await rename(path, torn);
      await rm(torn, { recursive: true, force: true });
    }
    await makeReadableDirectory(this.#directory);
    await createBareRepository(path);
  }
}

/** True when asking for the commit instead of the ref would end the same way. */
function isFinal(failure: unknown, remote: Remote): boolean {
  if (failure === undefined) return false;
  if (remote.signal?.aborted || !(failure instanceof HoldfastError)) return true;
  return failure.code !== 'GIT_FAILED' && failure.code !== 'REF_NOT_FOUND';
}

async function fetchInto(
  path: string,
  remote: Remote,
  wanted: readonly string[],
  options: readonly string[] = [],
): Promise<void> {
  const always = ['--no-tags', '--no-write-fetch-head'];
  await runRemote(path, remote, ['fetch', '-q', ...always, ...options, '--', remote.url, ...wanted]);
}

async function removeDamagedPacks(gitDir: string): Promise<void> {
  const directory = join(gitDir, 'objects', 'pack');
  for (const index of globSync('*.idx', { cwd: directory })) {
    const isSound = await plumb(gitDir, ['verify-pack', join(directory, index)]).then(
      () => true,
      () => false,
    );
    const parts = isSound ? [] : globSync(`${index.replace(/idx$/, '')}*`, { cwd: directory });
    for (const part of parts) await rm(join(directory, part), { force: true });
  }
}

/** True when the commit is here with all its files. */
async function hasCommit(gitDir: string, commit: string): Promise<boolean> {
  try {
    if ((await plumbLine(gitDir, ['rev-parse', '--verify', '-q', `${commit}^{commit}`])) !== commit) return false;
    await plumb(gitDir, ['rev-list', '--objects', '--quiet', '--max-count=1', commit]);
    return true;
  } catch {
    return false;
  }
}
