import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '../domain/failure.ts';
import type { GitCredentials } from '../domain/git-credentials.ts';
import type { Base } from '../domain/session.ts';
import type { Source } from '../domain/task.ts';
import { faultPoint } from '../fault-point.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { directoryDrift } from './directory-drift.ts';
import { applyToDirectory, importDirectory, type DirectoryDelivery } from './directory-source.ts';
import { Mirrors } from './mirrors.ts';
import { PROBE_MS, probeRemote, type Resolved } from './probe-remote.ts';
import { runRemote, type Remote } from './remote.ts';
import { SessionGit } from './session-git.ts';

/** The end of the name of a session's directory while it is made. */
const ASIDE = '.new';
const REMOVE_TRIES = 10;
const REMOVE_DELAY_MS = 100;

/** A branch of a repository elsewhere. */
export interface RemoteBranch {
  readonly source: Source;
  readonly branch: string;
  readonly credentials?: GitCredentials | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Repositories: reading them in, and writing results back. Below its directory lie `mirrors/` and one directory per session. */
export class GitManager {
  readonly #sandbox: Sandbox;
  readonly #directory: string;
  readonly #mirrors: Mirrors;

  constructor(options: { readonly sandbox: Sandbox; readonly directory: string }) {
    this.#sandbox = options.sandbox;
    this.#directory = options.directory;
    this.#mirrors = new Mirrors(join(options.directory, 'mirrors'));
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
  async prepare(sessionId: string, source: Source, credentials?: GitCredentials, signal?: AbortSignal): Promise<Base> {
    return (await this.#pinned(sessionId, source)) ?? this.#build(sessionId, source, null, { credentials, signal });
  }

  /** Makes sure that the base commit is here, on a worker that has never seen the session or has lost its directory. */
  async ensureBase(
    sessionId: string,
    source: Source,
    base: Base,
    credentials?: GitCredentials,
    signal?: AbortSignal,
  ): Promise<void> {
    const git = this.open(sessionId);
    if ((await git.base()) === base.commit && (await git.has(base.tree))) return;
    await this.#build(sessionId, source, base, { credentials, signal });
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
    signal?: AbortSignal,
  ): Promise<void> {
    const access = { credentials, signal };
    await this.#build(sessionId, source, base, access).catch(() => undefined); // The mirror may be the one that is damaged.
    signal?.throwIfAborted();
    if (await this.open(sessionId).isWhole([base.tree])) return;
    if (source.kind === 'repository') {
      await this.#mirrors.repair({ url: source.url, ...access }, base);
      await this.#build(sessionId, source, base, access);
      if (await this.open(sessionId).isWhole([base.tree])) return;
    }
    throw new HoldfastError('GIT_FAILED', `The files of ${sessionId} are damaged and cannot be built anew.`);
  }

  /**
   * The commit of a branch on the remote, or null when there is no such branch.
   * @throws HoldfastError REPOSITORY_UNREACHABLE, REPOSITORY_AUTH_FAILED
   */
  async remoteHead({ source, branch, credentials, signal }: RemoteBranch): Promise<string | null> {
    const remote: Remote = { url: urlOf(source), credentials, signal };
    const ref = `refs/heads/${branch}`;
    const output = await runRemote('/', remote, ['ls-remote', '--', remote.url, ref], PROBE_MS * 3);
    // git also answers refs that only end with these words.
    const lines = output.split('\n').map((line) => line.split('\t'));
    return lines.find(([, name]) => name === ref)?.[0] ?? null;
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
    const remote: Remote = { url: urlOf(source), credentials, signal };
    const ref = `refs/heads/${branch}`;
    const lease = `--force-with-lease=${ref}:${expected ?? ''}`;
    const pushing = runRemote(this.open(sessionId).gitDir, remote, [
      'push',
      '-q',
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
   * Asks the remote whether it would take a push to the branch, without pushing anything.
   * @throws HoldfastError REPOSITORY_AUTH_FAILED, REPOSITORY_UNREACHABLE, REMOTE_DIVERGED
   */
  async probePush(push: RemoteBranch & { readonly sessionId: string; readonly commit: string }): Promise<void> {
    const { sessionId, source, branch, commit, credentials, signal } = push;
    const remote: Remote = { url: urlOf(source), credentials, signal };
    const refspec = `${commit}:refs/heads/${branch}`;
    await runRemote(
      this.open(sessionId).gitDir,
      remote,
      ['push', '-q', '--dry-run', '--', remote.url, refspec],
      PROBE_MS * 3,
    );
  }

  /** Asks a source whether it is there and has the ref; see {@link probeRemote}. */
  async probe({ source, credentials, signal }: Omit<RemoteBranch, 'branch'>): Promise<Resolved | null> {
    if (source.kind === 'directory') return null;
    return probeRemote({ url: source.url, credentials, signal }, source.ref);
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
  async held(): Promise<string[]> {
    const names = await readdir(this.#directory).catch(() => []);
    return [...new Set(names.filter((name) => name.startsWith('ses_')).map((name) => name.replace(/\.new$/, '')))];
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
    return { commit, tree: await git.treeOf(commit), ref: ref ?? commit };
  }

  /** Makes the session's directory aside and moves it into place: with its base, or not at all. A torn one is replaced. */
  async #build(sessionId: string, source: Source, wanted: Base | null, access: Omit<Remote, 'url'>): Promise<Base> {
    const aside = this.#asidePath(sessionId);
    await rm(aside, { recursive: true, force: true });
    try {
      const git = new SessionGit(this.#sandbox, aside);
      const base = await this.#bringIn(git, source, wanted, access);
      await rm(this.#path(sessionId), { recursive: true, force: true });
      await rename(aside, this.#path(sessionId));
      return base;
    } finally {
      await rm(aside, { recursive: true, force: true });
    }
  }

  async #bringIn(git: SessionGit, source: Source, wanted: Base | null, access: Omit<Remote, 'url'>): Promise<Base> {
    if (source.kind === 'directory') {
      const base = await importDirectory(git, source.path);
      if (wanted === null || base.tree === wanted.tree) return base;
      throw new HoldfastError('GIT_FAILED', `The files of the session are lost here, and ${source.path} has changed.`, {
        remedy: 'Put the directory back as it was when the session began, then resume.',
      });
    }
    const remote: Remote = { url: source.url, ...access };
    const resolved = wanted ?? (await probeRemote(remote, source.ref));
    await git.initialize(await this.#mirrors.fetch(remote, resolved));
    await git.setBase(resolved.commit, resolved.ref);
    return { commit: resolved.commit, tree: await git.treeOf(resolved.commit), ref: resolved.ref };
  }

  #path(sessionId: string): string {
    return join(this.#directory, sessionId);
  }

  #asidePath(sessionId: string): string {
    return `${this.#path(sessionId)}${ASIDE}`;
  }
}

/** Removes what lies below the directory of a {@link GitManager} for a session, also while a last command still writes there. */
export async function removeSessionFiles(directory: string, sessionId: string): Promise<void> {
  const path = join(directory, sessionId);
  for (const one of [path, `${path}${ASIDE}`])
    await rm(one, { recursive: true, force: true, maxRetries: REMOVE_TRIES, retryDelay: REMOVE_DELAY_MS });
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

export type { Change } from './session-git.ts';
