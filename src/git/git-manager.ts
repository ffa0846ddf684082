import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '../domain/failure.ts';
import type { Base } from '../domain/session.ts';
import type { Source } from '../domain/task.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { applyToDirectory, importDirectory, type DirectoryDelivery } from './directory-source.ts';
import { Mirrors, type Resolved } from './mirrors.ts';
import { runRemote, type GitCredentials, type Remote } from './remote.ts';
import { SessionGit } from './session-git.ts';

const PROBE_MS = 10_000;

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
   * Brings a source in and answers the commit it starts from. Once fixed, the base stays, however the remote moves.
   * @throws HoldfastError REPOSITORY_UNREACHABLE, REPOSITORY_AUTH_FAILED, REF_NOT_FOUND
   */
  async prepare(sessionId: string, source: Source, credentials?: GitCredentials, signal?: AbortSignal): Promise<Base> {
    const git = this.open(sessionId);
    await mkdir(this.#directory, { recursive: true });
    if (source.kind === 'directory') return importDirectory(git, source.path);
    const remote: Remote = { url: source.url, credentials, signal };
    const resolved = await probeRemote(remote, source.ref);
    const pinned = await git.base();
    if (pinned !== null) return { commit: pinned, tree: await git.treeOf(pinned), ref: resolved.ref };
    await this.#borrow(git, remote, resolved);
    return { commit: resolved.commit, tree: await git.treeOf(resolved.commit), ref: resolved.ref };
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
    await rm(this.#path(sessionId), { recursive: true, force: true });
    if (source.kind === 'repository') return this.#borrow(git, { url: source.url, credentials, signal }, base);
    const again = await importDirectory(git, source.path);
    if (again.tree !== base.tree)
      throw new HoldfastError('DIRECTORY_CHANGED', `${source.path} changed since the session began.`);
  }

  /**
   * The commit of a branch on the remote, or null when there is no such branch.
   * @throws HoldfastError REPOSITORY_UNREACHABLE, REPOSITORY_AUTH_FAILED
   */
  async remoteHead({ source, branch, credentials, signal }: RemoteBranch): Promise<string | null> {
    const remote: Remote = { url: urlOf(source), credentials, signal };
    const output = await runRemote('/', remote, ['ls-remote', '--', remote.url, `refs/heads/${branch}`], PROBE_MS * 3);
    return output.split('\t')[0]?.trim() || null;
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

  /** Brings a result back into the directory it came from, see {@link applyToDirectory}. */
  applyToDirectory({ sessionId, ...delivery }: DirectoryDelivery & { readonly sessionId: string }): Promise<void> {
    return applyToDirectory(this.open(sessionId), delivery);
  }

  /** Removes everything of a session; mirrors stay. */
  async remove(sessionId: string): Promise<void> {
    await rm(this.#path(sessionId), { recursive: true, force: true });
  }

  async #borrow(git: SessionGit, remote: Remote, resolved: Resolved): Promise<void> {
    const mirror = await this.#mirrors.fetch(remote, resolved);
    if (!existsSync(join(git.gitDir, 'HEAD'))) await git.initialize(mirror);
    await git.setBase(resolved.commit);
  }

  #path(sessionId: string): string {
    return join(this.#directory, sessionId);
  }
}

/**
 * Asks a repository for the commit of a ref, without cloning; default is its HEAD. Answers within seconds or fails.
 * @throws HoldfastError REPOSITORY_UNREACHABLE, REPOSITORY_AUTH_FAILED, REF_NOT_FOUND (which names refs that exist)
 */
export async function probeRemote(remote: Remote, ref?: string): Promise<Resolved> {
  const output = await runRemote('/', remote, ['ls-remote', '--symref', '--', remote.url], PROBE_MS);
  const refs = new Map<string, string>();
  let head = 'HEAD';
  for (const line of output.split('\n')) {
    const [value = '', name = ''] = line.split('\t');
    if (name === 'HEAD' && value.startsWith('ref: ')) head = value.slice('ref: '.length);
    else if (name !== '') refs.set(name, value);
  }
  const wanted =
    ref === undefined ? [head, 'HEAD'] : [ref, `refs/heads/${ref}`, `refs/tags/${ref}^{}`, `refs/tags/${ref}`];
  for (const name of wanted) {
    const commit = refs.get(name);
    if (commit !== undefined) return { commit, ref: name === 'HEAD' ? commit : name.replace(/\^\{\}$/, '') };
  }
  // A commit that no ref points at can still be fetched by its id, where the server allows it.
  if (ref !== undefined && /^[0-9a-f]{40}$/.test(ref)) return { commit: ref, ref };
  const known = [...refs.keys()]
    .filter((name) => name.startsWith('refs/heads/'))
    .map((name) => name.slice('refs/heads/'.length));
  const hint = known.length === 0 ? 'The repository is empty.' : `Branches: ${known.slice(0, 10).join(', ')}.`;
  throw new HoldfastError('REF_NOT_FOUND', `${remote.url} has no ${ref ?? 'HEAD'}. ${hint}`);
}

function urlOf(source: Source): string {
  if (source.kind === 'repository') return source.url;
  throw new HoldfastError('INVALID_REQUEST', 'A directory has no remote to push to.');
}

export type { Change } from './session-git.ts';
export type { GitCredentials } from './remote.ts';
