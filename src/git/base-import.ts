import { HoldfastError } from '../domain/failure.ts';
import type { Base } from '../domain/session.ts';
import type { Source } from '../domain/task.ts';
import { importDirectory } from './directory-source.ts';
import type { TenantRemote } from './mirrors.ts';
import { probeRemote, type Resolved } from './probe-remote.ts';
import { fillTree, type LfsAccess } from './lfs/lfs-import.ts';
import type { ComposedTree, SessionGit } from './session-git.ts';
import { compose } from './submodules.ts';
import { sharesCredentials } from './submodule-url.ts';

/** So often the whole history is asked for, before a connection that breaks is spared it. */
const FULL_TRIES = 2;

/** What a repository is read with. */
export type Access = Omit<TenantRemote, 'url'>;

type RepositorySource = Extract<Source, { readonly kind: 'repository' }>;

/** Where the base of a session comes from. */
export interface BaseSource extends LfsAccess {
  readonly source: Source;
  /** The base that it must be, once there is one. */
  readonly wanted: Base | null;
  readonly access: Access;
  /** Directories below which the submodules of a local repository may lie. */
  readonly allowedRoots: readonly string[];
}

/**
 * Brings the base into a new git directory: the commit, and the commits that it pins of its submodules where the source wants them.
 * @throws HoldfastError REPOSITORY_UNREACHABLE, REPOSITORY_AUTH_FAILED, REF_NOT_FOUND, SUBMODULE_REFUSED, LFS_REFUSED, LFS_FAILED, and GIT_FAILED when it is not what
 * was wanted any more
 */
export async function bringInBase(git: SessionGit, from: BaseSource): Promise<Base> {
  const { access, source, wanted } = from;
  if (source.kind === 'directory') {
    const base = await importDirectory(git, source.path);
    if (wanted === null || base.tree === wanted.tree) return base;
    throw new HoldfastError('GIT_FAILED', `The files of the session are lost here, and ${source.path} has changed.`, {
      remedy: 'Put the directory back as it was when the session began, then resume.',
    });
  }
  const remote = { url: source.url, ...access };
  const resolved = wanted ?? (await probeRemote(remote, source.ref));
  await git.initialize();
  await bringInCommit(git, remote, resolved, from);
  const composed = await composeBase(git, source, resolved.commit, from);
  await git.setBase(resolved.commit, resolved.ref, composed);
  const tree = await git.baseTree(resolved.commit);
  if (wanted === null || wanted.tree === tree) return { commit: resolved.commit, tree, ref: resolved.ref };
  throw new HoldfastError(
    'GIT_FAILED',
    `${source.url} gives other files for ${resolved.commit} than when the session began.`,
  );
}

/**
 * What the source wants beside its commit, in place; null when that is nothing. Others are asked for what the commit pins, and what opens
 * the source is shown to nobody but who serves the source.
 */
async function composeBase(
  git: SessionGit,
  { lfs, submodules, url }: RepositorySource,
  commit: string,
  from: BaseSource,
): Promise<ComposedTree | null> {
  const { access, allowedRoots } = from;
  const remoteOf = (place: string): TenantRemote => {
    const { credentials, ...others } = access;
    return { url: place, ...others, ...((place === url || sharesCredentials(url, place)) && { credentials }) };
  };
  const total = { files: 0, bytes: 0 };
  const fill = async (place: string, tree: string): Promise<string> => {
    if (lfs !== true) return tree;
    const filled = await fillTree(git.gitDir, tree, remoteOf(place), from);
    if (filled.repository !== null) await git.borrow(filled.repository);
    total.files += filled.files;
    total.bytes += filled.bytes;
    return filled.tree;
  };
  const fetch = (place: string, wanted: string): Promise<void> =>
    bringInCommit(git, remoteOf(place), { commit: wanted, ref: wanted }, from);
  const own = await git.treeOf(commit);
  const { tree, submodules: found } =
    submodules === true
      ? await compose(git.gitDir, own, { url, allowedRoots, fetch, fill })
      : { tree: await fill(url, own), submodules: [] };
  return tree === own ? null : { tree, fetched: { submodules: [...found], lfs: total } };
}

/** Borrows from the mirror that has the commit, or fetches it alone where the connection does not last for the whole history. */
async function bringInCommit(
  git: SessionGit,
  remote: TenantRemote,
  resolved: Resolved,
  from: BaseSource,
): Promise<void> {
  if (from.repair) return git.borrow(await from.mirrors.repair(remote, resolved));
  for (let tries = 1; ; tries += 1) {
    try {
      return await git.borrow(await from.mirrors.fetch(remote, resolved));
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== 'REPOSITORY_UNREACHABLE') throw error;
      if (tries === FULL_TRIES) return git.fetchAlone(remote, resolved.commit);
    }
  }
}
