import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '../domain/failure.ts';
import type { GitCredentials } from '../domain/git-credentials.ts';
import type { OutboundPolicy } from '../domain/network-address.ts';
import type { Base } from '../domain/session.ts';
import type { Source } from '../domain/task.ts';
import { faultPoint } from '../fault-point.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { standingOfBranch, type BranchStanding } from './branch-standing.ts';
import { directoryDrift } from './directory-drift.ts';
import { bringInBase, type Access, type BaseSource } from './base-import.ts';
import { applyToDirectory, type DirectoryDelivery } from './directory-source.ts';
import { uploadContents, type LfsUpload } from './lfs/lfs-delivery.ts';
import type { LfsTransport } from './lfs/lfs-transport.ts';
import { Mirrors } from './mirrors.ts';
import { PROBE_MS, probeRemote, type Resolved } from './probe-remote.ts';
import { runRemote, type Remote } from './remote.ts';
import { removeTree } from './remove-tree.ts';
import { ASIDE, heldSessions, removeSessionFiles } from './session-files.ts';
import { SessionGit } from './session-git.ts';

const DEFAULT_TENANT = 'default';

/** A branch of a repository elsewhere. */
export interface RemoteBranch {
  readonly source: Source;
  readonly branch: string;
  readonly credentials?: GitCredentials | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** On whose behalf a source is read, and until when it is of use. */
export interface SourceOptions {
  readonly signal?: AbortSignal | undefined;
  readonly tenant?: string | undefined;
}

/** Repositories: reading them in, and writing results back. Below its directory lie `mirrors/` and one directory per session. */
export class GitManager {
  readonly #sandbox: Sandbox;
  readonly #directory: string;
  readonly #places: Pick<BaseSource, 'mirrors' | 'allowedRoots' | 'transport'>;
  readonly #network: OutboundPolicy | undefined;

  /**
   * @param options.network where repositories may lie; left out, anywhere
   * @param options.lfs the way to servers of Git LFS; left out, there is none
   * @param options.allowedRoots below which submodules of local repositories may lie; left out, nowhere
   */
  constructor(options: {
    readonly sandbox: Sandbox;
    readonly directory: string;
    readonly network?: OutboundPolicy;
    readonly allowedRoots?: readonly string[];
    readonly lfs?: LfsTransport;
  }) {
    this.#sandbox = options.sandbox;
    this.#directory = options.directory;
    this.#network = options.network;
    const { allowedRoots = [], directory, lfs: transport = null } = options;
    this.#places = { mirrors: new Mirrors(join(directory, 'mirrors')), allowedRoots, transport };
  }

  /** The git directory of a session. */
  open(sessionId: string): SessionGit {
    return new SessionGit(this.#sandbox, this.#path(sessionId));
  }

  /**
   * Brings a source in and answers the commit it starts from. Once fixed, the base stays, however the remote moves, and is answered
   * without asking it.
   * @throws HoldfastError REPOSITORY_UNREACHABLE, REPOSITORY_AUTH_FAILED, REF_NOT_FOUND
   */
  async prepare(
    sessionId: string,
    source: Source,
    credentials?: GitCredentials,
    options?: SourceOptions,
  ): Promise<Base> {
    const pinned = await this.#pinned(sessionId, source);
    return (
      pinned ??
      this.#build(sessionId, { source, wanted: null, access: this.#accessOf(credentials, options), repair: false })
    );
  }

  /** Makes sure that the base commit is here, on a worker that has never seen the session or has lost its directory. */
  async ensureBase(
    sessionId: string,
    source: Source,
    base: Base,
    credentials?: GitCredentials,
    options?: SourceOptions,
  ): Promise<void> {
    const git = this.open(sessionId);
    if ((await git.base()) === base.commit && (await git.has(base.tree))) return;
    const access = this.#accessOf(credentials, options);
    await this.#build(sessionId, { source, wanted: base, access, repair: false });
  }

  /**
   * Builds what is here of a session anew, because it is damaged: the base from its source, and the mirror too where that is no better.
   * Work trees go. Checkpoints are to be taken in again.
   * @throws HoldfastError GIT_FAILED when the source cannot give the base any more, REPOSITORY_UNREACHABLE, REPOSITORY_AUTH_FAILED
   */
  async rebuild(
    sessionId: string,
    source: Source,
    base: Base,
    credentials?: GitCredentials,
    options?: SourceOptions,
  ): Promise<void> {
    const wanted = { source, wanted: base, access: this.#accessOf(credentials, options) };
    await this.#build(sessionId, { ...wanted, repair: false }).catch(() => undefined); // A mirror may be the one that is damaged.
    options?.signal?.throwIfAborted();
    if (await this.open(sessionId).isWhole([base.tree])) return;
    if (source.kind === 'repository') {
      await this.#build(sessionId, { ...wanted, repair: true });
      if (await this.open(sessionId).isWhole([base.tree])) return;
    }
    throw new HoldfastError('GIT_FAILED', `The files of ${sessionId} are damaged and cannot be built anew.`);
  }

  /**
   * The commit of a branch on the remote, or null when there is no such branch.
   * @throws HoldfastError REPOSITORY_UNREACHABLE, REPOSITORY_AUTH_FAILED
   */
  async remoteHead(branch: RemoteBranch): Promise<string | null> {
    return (await this.standingOf(branch)).head;
  }

  /** How a branch stands on the remote, see {@link standingOfBranch}. */
  standingOf({ source, branch, credentials, signal }: RemoteBranch): Promise<BranchStanding> {
    return standingOfBranch({ url: urlOf(source), credentials, signal, network: this.#network }, branch);
  }

  /**
   * Pushes a commit to a branch that must be where it was `expected` (null: not there), and reads the remote to be sure.
   * A push whose answer was lost is found done when it is repeated.
   * @throws HoldfastError REMOTE_DIVERGED, REPOSITORY_AUTH_FAILED, REPOSITORY_UNREACHABLE
   */
  async push(
    push: RemoteBranch & { readonly sessionId: string; readonly commit: string; readonly expected: string | null },
  ): Promise<void> {
    const { sessionId, source, branch, commit, expected, credentials, signal } = push;
    const remote: Remote = { url: urlOf(source), credentials, signal, network: this.#network };
    const ref = `refs/heads/${branch}`;
    const lease = `--force-with-lease=${ref}:${expected ?? ''}`;
    const pushing = runRemote(this.open(sessionId).gitDir, remote, [
      'push',
      '--progress',
      lease,
      '--',
      remote.url,
      `${commit}:${ref}`,
    ]);
    const failure = await pushing.then(
      () => null,
      (error: unknown) => error,
    );
    await faultPoint('after:push-sent', sessionId);
    if (signal?.aborted) throw signal.reason;
    const found = await this.remoteHead(push).catch((error: unknown) => {
      throw failure ?? error;
    });
    if (found === commit) return;
    if (failure !== null) throw failure;
    throw new HoldfastError(
      'REMOTE_DIVERGED',
      `After the push, ${branch} is at ${found ?? 'nothing'} instead of ${commit}.`,
    );
  }

  /**
   * Brings contents to the Git LFS of a repository, before anything that points at them is pushed; what is there already is not sent.
   * @throws HoldfastError LFS_REFUSED, LFS_FAILED, REPOSITORY_AUTH_FAILED
   */
  async upload(
    remote: Omit<RemoteBranch, 'branch'> & { readonly sessionId: string; readonly tree: string },
    uploads: readonly LfsUpload[],
  ): Promise<void> {
    const { credentials, sessionId, signal, source, tree } = remote;
    const { transport } = this.#places;
    await uploadContents(this.open(sessionId).gitDir, uploads, {
      url: urlOf(source),
      credentials,
      signal,
      transport,
      tree,
    });
  }

  /**
   * Asks the remote whether it would take a push to the branch, without pushing anything.
   * @throws HoldfastError REPOSITORY_AUTH_FAILED, REPOSITORY_UNREACHABLE, REMOTE_DIVERGED
   */
  async probePush(push: RemoteBranch & { readonly sessionId: string; readonly commit: string }): Promise<void> {
    const { sessionId, source, branch, commit, credentials, signal } = push;
    const remote: Remote = { url: urlOf(source), credentials, signal, network: this.#network };
    const refspec = `${commit}:refs/heads/${branch}`;
    await runRemote(this.open(sessionId).gitDir, remote, ['push', '-q', '--dry-run', '--', remote.url, refspec], {
      timeoutMs: PROBE_MS * 3,
    });
  }

  /** Asks a source whether it is there and has the ref; see {@link probeRemote}. */
  async probe({ source, credentials, signal }: Omit<RemoteBranch, 'branch'>): Promise<Resolved | null> {
    if (source.kind === 'directory') return null;
    return probeRemote({ url: source.url, credentials, signal, network: this.#network }, source.ref);
  }

  /** What of a local directory is no longer what the tree says, see {@link directoryDrift}. */
  driftOf(sessionId: string, directory: string, tree: string): Promise<string[]> {
    return directoryDrift(this.open(sessionId).gitDir, directory, tree);
  }

  /** Brings a result back into the directory it came from, see {@link applyToDirectory}. */
  applyToDirectory({ sessionId, ...delivery }: DirectoryDelivery & { readonly sessionId: string }): Promise<void> {
    return applyToDirectory(this.open(sessionId), delivery);
  }

  /** The sessions that have a directory here, in whatever state it is. */
  held(): Promise<string[]> {
    return heldSessions(this.#directory);
  }

  /** Removes mirrors that have not been used since a time (epoch milliseconds); answers how many. See {@link Mirrors.prune}. */
  async pruneMirrors(unusedSince: number): Promise<number> {
    const borrowed = new Set<string>();
    for (const session of await readdir(this.#directory).catch(() => []))
      for (const objects of this.open(session).borrowed()) borrowed.add(objects);
    return (await this.#places.mirrors.prune({ unusedSince, borrowed })).length;
  }

  /** Removes everything of a session; mirrors stay. */
  remove(sessionId: string): Promise<void> {
    return removeSessionFiles(this.#directory, sessionId);
  }

  async #pinned(sessionId: string, source: Source): Promise<Base | null> {
    const git = this.open(sessionId);
    const commit = await git.base();
    if (commit === null) return null;
    const ref = source.kind === 'directory' ? source.path : await git.baseRef();
    return { commit, tree: await git.baseTree(commit), ref: ref ?? commit };
  }

  /** Makes the session's directory aside and moves it into place: with its base, or not at all. A torn one is replaced. */
  async #build(
    sessionId: string,
    { source, wanted, access, repair }: Pick<BaseSource, 'source' | 'wanted' | 'access' | 'repair'>,
  ): Promise<Base> {
    const aside = this.#asidePath(sessionId);
    await rm(aside, { recursive: true, force: true });
    try {
      const git = new SessionGit(this.#sandbox, aside);
      const base = await bringInBase(git, { source, wanted, access, repair, ...this.#places });
      await removeTree(this.#path(sessionId));
      await rename(aside, this.#path(sessionId));
      return base;
    } finally {
      await rm(aside, { recursive: true, force: true });
    }
  }

  #accessOf(credentials: GitCredentials | undefined, options: SourceOptions = {}): Access {
    const { signal, tenant = DEFAULT_TENANT } = options;
    return { credentials, signal, tenant, network: this.#network };
  }

  #path(sessionId: string): string {
    return join(this.#directory, sessionId);
  }

  #asidePath(sessionId: string): string {
    return `${this.#path(sessionId)}${ASIDE}`;
  }
}

/** True for a failure that can come from files which are damaged or gone. */
export function isDamage(error: unknown): boolean {
  if (!(error instanceof HoldfastError)) return true; // Such as ENOENT.
  return error.code === 'GIT_FAILED' || error.code === 'SANDBOX_UNAVAILABLE' || error.code === 'INTERNAL';
}

function urlOf(source: Source): string {
  if (source.kind === 'repository') return source.url;
  throw new HoldfastError('INVALID_REQUEST', 'A directory has no remote to push to.');
}

export type { Pointed } from './lfs/lfs-delivery.ts';
export type { Change } from './tree-changes.ts';
