import { HoldfastError } from '../domain/failure.ts';
import type { Base } from '../domain/session.ts';
import { isDamage, type GitManager } from '../git/git-manager.ts';
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
    const { task, base, tenant } = await this.#store.sessions.get(sessionId);
    if (base !== null) {
      await this.ensure(sessionId, signal);
      return base;
    }
    const credentials = await this.#credentials.git(sessionId);
    const prepared = await this.#git.prepare(sessionId, task.source, credentials, { signal, tenant });
    await this.#store.sessions.setBase(sessionId, prepared);
    return prepared;
  }

  /**
   * Does work that makes sure of the files of a session by itself, see {@link ensure}. Where they turn out to be damaged (somebody removed
   * them, a disk lost them) they are built anew from records, blobs and source, and the work is done once more.
   * @throws what the work throws, and what building anew throws
   */
  async withFiles<T>(sessionId: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted || !isDamage(error) || (await this.isWhole(sessionId))) throw error;
    }
    const { task, base, tenant } = await this.#store.sessions.get(sessionId);
    if (base !== null) {
      const credentials = await this.#credentials.git(sessionId);
      await this.#git.rebuild(sessionId, task.source, base, credentials, { signal, tenant });
    }
    await this.ensure(sessionId, signal).catch((error: unknown) => {
      // What is here is sound now, so it is the records or blobs that are not.
      throw isDamage(error) ? tampered(error instanceof Error ? error.message : String(error), error) : error;
    });
    return work();
  }

  /** True when everything of the session that is to be here can be read. */
  async isWhole(sessionId: string): Promise<boolean> {
    const { base } = await this.#store.sessions.get(sessionId);
    const checkpoint = await this.#store.journal.latest(sessionId);
    const files = await this.#store.effects.files(sessionId, checkpoint?.turn ?? 0);
    const trees = [base?.tree, checkpoint?.tree, checkpoint?.kept, files?.tree, files?.kept];
    return this.#git.open(sessionId).isWhole(trees.filter((tree) => typeof tree === 'string'));
  }

  async #pack(blob: string): Promise<Buffer> {
    try {
      return await this.#store.blobs.get(blob);
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== 'SNAPSHOT_TAMPERED') throw error;
      throw tampered(`The pack ${blob} of a checkpoint does not have the content it was stored with.`, error);
    }
  }

  /** Makes sure that this worker has the base commit and the newest recorded files: it may never have seen the session. */
  async ensure(sessionId: string, signal: AbortSignal): Promise<void> {
    const { task, base, tenant } = await this.#store.sessions.get(sessionId);
    if (base === null) return;
    const credentials = await this.#credentials.git(sessionId);
    await this.#git.ensureBase(sessionId, task.source, base, credentials, { signal, tenant });
    const git = this.#git.open(sessionId);
    const checkpoint = await this.#store.journal.latest(sessionId);
    if (checkpoint !== null && !(await git.has(checkpoint.tree))) {
      for (const pack of await this.#store.journal.packs(sessionId)) await git.ingest(await this.#pack(pack));
      await assertHas(git, checkpoint.tree, checkpoint.turn);
    }
    const files = await this.#store.effects.files(sessionId, checkpoint?.turn ?? 0);
    if (files === null || files.pack === null || (await git.has(files.tree))) return;
    await git.ingest(await this.#pack(files.pack));
    await assertHas(git, files.tree, checkpoint?.turn ?? 0);
  }
}

async function assertHas(git: SessionGit, tree: string, turn: number): Promise<void> {
  if (await git.has(tree)) return;
  throw new HoldfastError('GIT_FAILED', `The packs on record do not give the files after turn ${turn}.`);
}

function tampered(message: string, cause?: unknown): HoldfastError {
  return new HoldfastError('CHECKPOINT_TAMPERED', message, { cause });
}
