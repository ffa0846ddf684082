import { HoldfastError } from '../domain/failure.ts';
import type { Base } from '../domain/session.ts';
import type { Source } from '../domain/task.ts';
import { importDirectory } from './directory-source.ts';
import type { Mirrors, TenantRemote } from './mirrors.ts';
import { probeRemote, type Resolved } from './probe-remote.ts';
import type { SessionGit } from './session-git.ts';
import { compose, type Composition } from './submodules.ts';
import { sharesCredentials } from './submodule-url.ts';

/** So often the whole history is asked for, before a connection that breaks is spared it. */
const FULL_TRIES = 2;

/** What a repository is read with. */
export type Access = Omit<TenantRemote, 'url'>;

/** Where the base of a session comes from. */
export interface BaseSource {
  readonly source: Source;
  /** The base that it must be, once there is one. */
  readonly wanted: Base | null;
  readonly access: Access;
  /** Fetches everything anew into mirrors, which may be damaged. */
  readonly repair: boolean;
  readonly mirrors: Mirrors;
  /** Directories below which the submodules of a local repository may lie. */
  readonly allowedRoots: readonly string[];
}

/**
 * Brings the base into a new git directory: the commit, and the commits that it pins of its submodules where the source wants them.
 * @throws HoldfastError REPOSITORY_UNREACHABLE, REPOSITORY_AUTH_FAILED, REF_NOT_FOUND, SUBMODULE_REFUSED, and GIT_FAILED when it is not what
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
  const composed = source.submodules === true ? await composeBase(git, source.url, resolved.commit, from) : null;
  await git.setBase(resolved.commit, resolved.ref, composed);
  const tree = await git.baseTree(resolved.commit);
  if (wanted === null || wanted.tree === tree) return { commit: resolved.commit, tree, ref: resolved.ref };
  throw new HoldfastError(
    'GIT_FAILED',
    `${source.url} gives other files for ${resolved.commit} than when the session began.`,
  );
}

/** The submodules are asked for what the commit pins; what opens the source is shown to nobody but who serves the source. */
async function composeBase(
  git: SessionGit,
  url: string,
  commit: string,
  from: BaseSource,
): Promise<Composition | null> {
  const { access, allowedRoots } = from;
  const fetch = async (place: string, wanted: string): Promise<void> => {
    const { credentials, ...others } = access;
    const remote = { url: place, ...others, ...(sharesCredentials(url, place) && { credentials }) };
    await bringInCommit(git, remote, { commit: wanted, ref: wanted }, from);
  };
  const composition = await compose(git.gitDir, await git.treeOf(commit), { url, allowedRoots, fetch });
  return composition.modules.length === 0 ? null : composition;
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
