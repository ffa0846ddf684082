import type { Base } from '../domain/session.ts';
import type { GitManager } from '../git/git-manager.ts';
import type { SessionGit } from '../git/session-git.ts';
import type { Store } from '../store/store.ts';
import type { Credentials } from './credentials.ts';

/** Brings the source of a session in, and fixes the commit it starts from. */
export class SourceImporter {
  readonly #store: Store;
  readonly #git: GitManager;
  readonly #credentials: Credentials;

  constructor(deps: { readonly store: Store; readonly git: GitManager; readonly credentials: Credentials }) {
    this.#store = deps.store;
    this.#git = deps.git;
    this.#credentials = deps.credentials;
  }

  /** Clones or imports; once the base is on record it stays, however the remote moves. */
  async prepare(sessionId: string, signal: AbortSignal): Promise<Base> {
    const { task, base } = await this.#store.sessions.get(sessionId);
    if (base !== null) {
      await this.ensure(sessionId, signal);
      return base;
    }
    const prepared = await this.#git.prepare(sessionId, task.source, await this.#credentials.git(sessionId), signal);
    await this.#store.sessions.setBase(sessionId, prepared);
    return prepared;
  }

  /** Makes sure that this worker has the base commit and the newest recorded files: it may never have seen the session. */
  async ensure(sessionId: string, signal: AbortSignal): Promise<void> {
    const { task, base } = await this.#store.sessions.get(sessionId);
    if (base === null) return;
    await this.#git.ensureBase(sessionId, task.source, base, await this.#credentials.git(sessionId), signal);
    const git = this.#git.open(sessionId);
    const checkpoint = await this.#store.journal.latest(sessionId);
    if (checkpoint !== null && !(await git.has(checkpoint.tree))) {
      for (const pack of await this.#store.journal.packs(sessionId)) await this.#ingest(git, pack);
    }
    const files = await this.#store.effects.files(sessionId, checkpoint?.turn ?? 0);
    if (files === null || files.pack === null || (await git.has(files.tree))) return;
    await this.#ingest(git, files.pack);
  }

  async #ingest(git: SessionGit, pack: string): Promise<void> {
    await git.ingest(await this.#store.blobs.get(pack));
  }
}
