import { HoldfastError } from '../../domain/failure.ts';
import type { Mirrors, TenantRemote } from '../mirrors.ts';
import { plumbLine } from '../plumbing.ts';
import { withFiles } from '../composed-tree.ts';
import { treeEntries } from '../tree-entries.ts';
import { lfsFilesIn } from './lfs-files.ts';
import { lfsPlace } from './lfs-place.ts';
import { LfsServer } from './lfs-server.ts';
import { fillStore, MAX_LFS_BYTES, MAX_LFS_FILE_BYTES } from './lfs-store.ts';
import type { LfsTransport } from './lfs-transport.ts';

/** What contents of Git LFS are fetched with. */
export interface LfsAccess {
  readonly mirrors: Mirrors;
  /** Null where this server has no way to servers of Git LFS. */
  readonly transport: LfsTransport | null;
  /** Fetches what may be damaged here anew. */
  readonly repair: boolean;
}

/** A tree with contents in the place of pointers. */
export interface Filled {
  readonly tree: string;
  /** The repository that has the contents, to be borrowed from; null when there were no pointers. */
  readonly repository: string | null;
  readonly files: number;
  readonly bytes: number;
}

/**
 * Fetches the contents of a tree's Git LFS into a repository beside the mirrors, one for each tenant and URL, and puts them in place.
 * @throws HoldfastError LFS_REFUSED, LFS_FAILED, REPOSITORY_AUTH_FAILED
 */
export async function fillTree(gitDir: string, tree: string, remote: TenantRemote, access: LfsAccess): Promise<Filled> {
  const entries = await treeEntries(gitDir, tree);
  const files = await lfsFilesIn(gitDir, tree, entries);
  if (files.length === 0) return { tree, repository: null, files: 0, bytes: 0 };
  const bytes = files.reduce((total, { size }) => total + size, 0);
  if (bytes > MAX_LFS_BYTES)
    throw new HoldfastError('LFS_REFUSED', `${remote.url} has ${bytes} bytes in Git LFS, more than ${MAX_LFS_BYTES}.`);
  const large = files.find(({ size }) => size > MAX_LFS_FILE_BYTES);
  if (large !== undefined)
    throw new HoldfastError('LFS_REFUSED', `${large.entry.path} has more than ${MAX_LFS_FILE_BYTES} bytes in Git LFS.`);
  const place = lfsPlace(remote.url, await configuredUrl(gitDir, tree), remote.credentials);
  if (access.transport === null) throw new HoldfastError('LFS_REFUSED', 'This server has no way to Git LFS.');
  const server = new LfsServer(place, access.transport, remote.signal);
  let objects = new Map<string, string>();
  const repository = await access.mirrors.keep({ ...remote, url: `${remote.url}#lfs` }, async (path) => {
    objects = await fillStore(path, { pointers: files, server, anew: access.repair });
  });
  const contents = files.map(({ entry, oid }) => ({ ...entry, object: objects.get(oid) ?? '' }));
  const env = { GIT_ALTERNATE_OBJECT_DIRECTORIES: `${repository}/objects` };
  return { tree: await withFiles(gitDir, tree, contents, env), repository, files: files.length, bytes };
}

/** What .lfsconfig says of the place; of its other keys none is for us. */
export async function configuredUrl(gitDir: string, tree: string): Promise<string | null> {
  const file = await plumbLine(gitDir, ['rev-parse', '--verify', '-q', `${tree}:.lfsconfig`]).catch(() => null);
  if (file === null) return null;
  return plumbLine(gitDir, ['config', '--no-includes', '--blob', file, '--get', 'lfs.url']).catch(() => null);
}
