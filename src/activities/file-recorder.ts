import type { Snapshot } from '../domain/snapshot.ts';
import type { SessionGit } from '../git/session-git.ts';
import type { WorkTree } from '../git/work-tree.ts';
import type { Checkpoint, FileState } from '../store/journal.ts';
import type { Store } from '../store/store.ts';

/** After so many packs one is made that needs none of them: a restore reads at most this many, however long the session is. */
const MAX_PACKS = 32;

/** Takes the files of a session for its checkpoints, and keeps what is new as packs in the blob store. */
export class FileRecorder {
  readonly #store: Store;
  readonly #git: SessionGit;
  readonly #workTree: WorkTree;
  readonly #snapshot: Snapshot;
  /** Packs that a restore of the newest checkpoint needs; null: not asked yet. */
  #packs: number | null = null;

  constructor(parts: {
    readonly store: Store;
    readonly git: SessionGit;
    readonly workTree: WorkTree;
    readonly snapshot: Snapshot;
  }) {
    this.#store = parts.store;
    this.#git = parts.git;
    this.#workTree = parts.workTree;
    this.#snapshot = parts.snapshot;
  }

  /** The files as they are; what they have that `known` had not is durable when the promise resolves, before any checkpoint needs it. */
  async take(known: FileState): Promise<FileState & Pick<Checkpoint, 'pack' | 'full'>> {
    this.#packs ??= (await this.#store.journal.packs(this.#snapshot.sessionId)).length;
    const isFull = this.#packs >= MAX_PACKS;
    let pack: string | null = null;
    const files = await this.#workTree.capture(known, this.#snapshot.keepIgnored, async (bytes) => {
      pack = isFull ? '' : await this.#store.blobs.put(this.#snapshot.sessionId, bytes);
    });
    if (pack === null) return { ...files, pack, full: false };
    this.#packs = isFull ? 1 : this.#packs + 1;
    return { ...files, pack: isFull ? await this.#putFull(files) : pack, full: isFull };
  }

  async #putFull({ tree, kept }: FileState): Promise<string> {
    const trees = kept === null ? [tree] : [tree, kept];
    const { base, sessionId } = this.#snapshot;
    const blob = await this.#store.blobs.put(sessionId, await this.#git.packSince(base.tree, trees));
    await this.#git.consolidate();
    return blob;
  }
}
