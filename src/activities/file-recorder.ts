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
  /** The files taken last, and the packs that a restore of them needs, and of what they build on; null: nothing was taken yet. */
  #taken: { readonly files: FileState; readonly known: number; readonly packs: number } | null = null;

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
    const before = await this.#packsOf(known);
    const isFull = before >= MAX_PACKS;
    let pack: string | null = null;
    const files = await this.#workTree.capture(known, this.#snapshot.keepIgnored ?? [], async (bytes) => {
      pack = isFull ? '' : await this.#store.blobs.put(this.#snapshot.sessionId, bytes);
    });
    const packs = pack === null ? before : isFull ? 1 : before + 1;
    this.#taken = { files, known: before, packs };
    if (pack === null) return { ...files, pack, full: false };
    return { ...files, pack: isFull ? await this.#putFull(files) : pack, full: isFull };
  }

  /** Files can be taken several times over the same known ones, within a turn: only the last time counts. */
  async #packsOf(known: FileState): Promise<number> {
    if (this.#taken === null) return (await this.#store.journal.packs(this.#snapshot.sessionId)).length;
    const { files, known: before, packs } = this.#taken;
    return files.tree === known.tree && files.kept === known.kept ? packs : before;
  }

  async #putFull({ tree, kept }: FileState): Promise<string> {
    const trees = kept === null ? [tree] : [tree, kept];
    const { base, sessionId } = this.#snapshot;
    const blob = await this.#store.blobs.put(sessionId, await this.#git.packSince(base.tree, trees));
    await this.#git.consolidate();
    return blob;
  }
}
