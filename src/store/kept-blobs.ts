import { HoldfastError } from '../domain/failure.ts';
import { blobId, type Blobs } from './blobs.ts';
import type { Database } from './database.ts';

const SWEEP = 100;

/**
 * Blobs and which sessions use them. The same bytes are stored once, whoever stores them, and stay as long as one session claims them.
 * A claim is recorded before its bytes are written, and bytes are removed under the write lock of the records, by whoever finds them
 * without a claim there: so a session that stores what another one is just giving up keeps it.
 */
export class KeptBlobs {
  readonly #db: Database;
  readonly #blobs: Blobs;

  constructor(db: Database, blobs: Blobs) {
    this.#db = db;
    this.#blobs = blobs;
  }

  /**
   * Stores bytes durably for a session and answers their id.
   * @throws HoldfastError SESSION_NOT_FOUND when the session has been deleted, STORAGE_FAILED
   */
  async put(sessionId: string, bytes: Uint8Array | string): Promise<string> {
    const id = blobId(bytes);
    const claim = `INSERT INTO blob_claims (session_id, blob) SELECT id, ? FROM sessions WHERE id = ?
      ON CONFLICT (session_id, blob) DO NOTHING`;
    const known = 'SELECT blob FROM blob_claims WHERE session_id = ? AND blob = ?';
    if ((await this.#db.run(claim, id, sessionId)) === 0 && (await this.#db.get(known, sessionId, id)) === undefined)
      throw new HoldfastError('SESSION_NOT_FOUND', `There is no session ${sessionId}.`);
    return this.#blobs.put(bytes);
  }

  /**
   * Reads a blob and checks its digest.
   * @throws HoldfastError SNAPSHOT_TAMPERED when the content does not match its id, STORAGE_FAILED when it cannot be read.
   */
  get(id: string): Promise<Buffer> {
    return this.#blobs.get(id);
  }

  /** Removes the bytes that deleted sessions have left and nobody claims. What an interrupted sweep leaves, the next one finds. */
  async sweep(): Promise<void> {
    while ((await this.#sweepSome()) === SWEEP);
  }

  /** What is stored and claimed by nobody: left by a kill between the two halves of a deletion, or by hand. */
  async orphans(): Promise<string[]> {
    const stored = await this.#blobs.list(); // First: what is stored meanwhile has been claimed before.
    const claimed = new Set(
      (await this.#db.all('SELECT DISTINCT blob FROM blob_claims')).map((row) => String(row['blob'])),
    );
    return stored.filter((id) => !claimed.has(id));
  }

  /** Removes those of these blobs that still nobody claims. */
  async removeOrphans(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      await this.#db.transaction(async (queries) => {
        const claim = await queries.get('SELECT session_id FROM blob_claims WHERE blob = ? LIMIT 1', id);
        if (claim === undefined) await this.#blobs.delete(id);
      });
    }
  }

  #sweepSome(): Promise<number> {
    return this.#db.transaction(async (queries) => {
      const rows = await queries.all('SELECT blob FROM doomed_blobs ORDER BY blob LIMIT ?', SWEEP);
      for (const row of rows) {
        const blob = String(row['blob']);
        const claim = await queries.get('SELECT session_id FROM blob_claims WHERE blob = ? LIMIT 1', blob);
        if (claim === undefined) await this.#blobs.delete(blob);
        await queries.run('DELETE FROM doomed_blobs WHERE blob = ?', blob);
      }
      return rows.length;
    });
  }
}
