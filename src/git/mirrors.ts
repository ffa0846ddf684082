import { createHash } from 'node:crypto';
import { existsSync, globSync } from 'node:fs';
import { rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '../domain/failure.ts';
import { exclusively } from './exclusively.ts';
import { fetchInto } from './fetch.ts';
import { forgetRefs, makeUsable, packsOf, removeDamagedPacks } from './mirror-mending.ts';
import { plumb, plumbLine } from './plumbing.ts';
import type { Resolved } from './probe-remote.ts';
import { makeReadableDirectory } from './readable-directory.ts';
import type { Remote } from './remote.ts';

/** A fetch leaves a pack; with more than so many, looking things up becomes slow. */
const MAX_PACKS = 20;

/** A repository elsewhere, and on whose behalf it is read: objects can be had by their names, so tenants share none. */
export interface TenantRemote extends Remote {
  readonly tenant: string;
}

/**
 * One bare mirror per tenant and repository URL, from which sessions borrow objects: a second session on a repository costs a fetch of
 * what is new. Whoever writes into a mirror has its lock, in whatever process. Objects are never pruned while sessions live on them.
 */
export class Mirrors {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  pathOf({ tenant, url }: Pick<TenantRemote, 'tenant' | 'url'>): string {
    const name = createHash('sha256')
      .update(JSON.stringify([tenant, url]))
      .digest('hex')
      .slice(0, 32);
    return join(this.#directory, `${name}.git`);
  }

  /**
   * Fetches a ref (or exactly one commit) into the mirror, if it is not there, and answers the mirror's path.
   * @throws HoldfastError REF_NOT_FOUND when the commit cannot be had, and what {@link fetchInto} throws
   */
  async fetch(remote: TenantRemote, resolved: Resolved): Promise<string> {
    const path = this.pathOf(remote);
    await noteUse(path);
    if (await hasCommit(path, resolved.commit)) return path;
    await this.#locked(path, () => bringIn(path, remote, resolved), remote.signal);
    await noteUse(path);
    return path;
  }

  /** Fetches everything anew into a mirror that is damaged. What can be read of it stays: other sessions borrow from it. */
  async repair(remote: TenantRemote, { ref, commit }: Resolved): Promise<string> {
    const path = this.pathOf(remote);
    const mend = async (): Promise<void> => {
      await makeUsable(path);
      await removeDamagedPacks(path);
      await forgetRefs(path);
      await fetchInto(path, remote, ref.startsWith('refs/') ? [ref, commit] : [commit], { refetch: true });
    };
    await this.#locked(path, mend, remote.signal);
    return path;
  }

  /**
   * Does work on a repository beside the mirrors, for objects that come by other ways than git's; answers its path. It is kept, and goes,
   * as mirrors do.
   */
  async keep(remote: TenantRemote, work: (path: string) => Promise<void>): Promise<string> {
    const path = this.pathOf(remote);
    const make = async (): Promise<void> => {
      await makeUsable(path);
      await noteUse(path);
      await work(path);
    };
    await this.#locked(path, make, remote.signal);
    await noteUse(path);
    return path;
  }

  /**
   * Removes mirrors that nobody has used for long and no session borrows from; makes one pack of the many of others.
   * @param options.borrowed object directories that sessions borrow from.
   * @returns the paths of those that went.
   */
  async prune(options: { readonly unusedSince: number; readonly borrowed: ReadonlySet<string> }): Promise<string[]> {
    const gone: string[] = [];
    for (const name of globSync('*.git', { cwd: this.#directory })) {
      const path = join(this.#directory, name);
      const isWanted = async (): Promise<boolean> =>
        options.borrowed.has(join(path, 'objects')) || (await lastUse(path)) >= options.unusedSince;
      await this.#locked(path, async () => {
        if (await isWanted()) {
          if (packsOf(path) > MAX_PACKS) await plumb(path, ['repack', '-a', '-d', '-k', '-q']);
          return;
        }
        await rm(path, { recursive: true, force: true });
        gone.push(path);
      });
    }
    // What was made aside, or set aside, by a process that died over it.
    for (const name of globSync('*.git.*.{new,torn}', { cwd: this.#directory })) {
      const [mirror = ''] = name.split(/(?<=\.git)\./);
      await this.#locked(join(this.#directory, mirror), () =>
        rm(join(this.#directory, name), { recursive: true, force: true }),
      );
    }
    return gone;
  }

  async #locked<T>(path: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await makeReadableDirectory(this.#directory);
    return exclusively(`${path}.flock`, work, signal);
  }
}

async function bringIn(path: string, remote: Remote, { ref, commit }: Resolved): Promise<void> {
  await makeUsable(path);
  if (await hasCommit(path, commit)) return; // Somebody else has brought it in meanwhile.
  if (ref.startsWith('refs/')) {
    const refspec = `+${ref}:refs/mirror/${ref.slice('refs/'.length)}`;
    const failure = await fetchInto(path, remote, [refspec]).catch((error: unknown) => error);
    // The objects come first: the mirror's refs only tell the remote what is here.
    if (await hasCommit(path, commit)) return;
    if (isFinal(failure, remote)) throw failure;
  }
  // Or the ref has moved since it was resolved: then the commit itself is asked for.
  const refusal = await fetchInto(path, remote, [commit]).catch((error: unknown) => error);
  if (await hasCommit(path, commit)) return;
  if (isFinal(refusal, remote) && !isMissing(refusal)) throw refusal;
  if (isMissing(refusal)) return bringInAll(path, remote, { commit, refusal });
  // Or the mirror has lost what it says that it has.
  await removeDamagedPacks(path);
  await forgetRefs(path);
  await fetchInto(path, remote, [commit], { refetch: true });
  if (await hasCommit(path, commit)) return;
  throw new HoldfastError('REF_NOT_FOUND', `${commit} is not a commit of ${remote.url}.`);
}

/** Everything that branches and tags lead to: some servers hand out a commit only by what points at it. */
async function bringInAll(
  path: string,
  remote: Remote,
  { commit, refusal }: { readonly commit: string; readonly refusal: unknown },
): Promise<void> {
  await fetchInto(path, remote, ['+refs/heads/*:refs/mirror/heads/*', '+refs/tags/*:refs/mirror/tags/*']);
  if (!(await hasCommit(path, commit))) throw refusal;
}

/** True when asking for the commit instead of the ref would end the same way. */
function isFinal(failure: unknown, remote: Remote): boolean {
  if (failure === undefined) return false;
  if (remote.signal?.aborted || !(failure instanceof HoldfastError)) return true;
  return failure.code !== 'GIT_FAILED' && failure.code !== 'REF_NOT_FOUND';
}

function isMissing(failure: unknown): boolean {
  return failure instanceof HoldfastError && failure.code === 'REF_NOT_FOUND';
}

/** The time of this file is that of the last use. */
const USED = 'holdfast-used';

async function noteUse(path: string): Promise<void> {
  const now = new Date();
  const file = join(path, USED);
  // Only a note: a mirror that cannot take it is mended by whoever has its lock.
  await utimes(file, now, now).catch(() => (existsSync(path) ? writeFile(file, '').catch(() => undefined) : undefined));
}

/** Epoch milliseconds; 0 when it is not known. */
async function lastUse(path: string): Promise<number> {
  return stat(join(path, USED)).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
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
