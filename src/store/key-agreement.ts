import { HoldfastError } from '../domain/failure.ts';
import { keyIdOf, type KeyRing } from '../sealing/key-ring.ts';
import type { Database } from './database.ts';

const CONTEXT = 'key agreement';

/**
 * That all processes seal what Temporal keeps with the same master keys: one with others would start sessions that nobody can read, and fail
 * the work of those that it cannot. The records hold something sealed, and whoever joins must be able to open it.
 */
export class KeyAgreement {
  readonly #db: Database;
  readonly #ring: KeyRing;

  constructor(db: Database, ring: KeyRing) {
    this.#db = db;
    this.#ring = ring;
  }

  /**
   * To be called before anything is sealed for Temporal. The first process decides by its keys.
   * @throws HoldfastError SECRET_UNREADABLE when this process has not the keys of the others
   */
  async join(): Promise<void> {
    const sql = 'INSERT INTO key_agreement (id, sealed) VALUES (1, ?) ON CONFLICT (id) DO NOTHING';
    await this.#db.run(sql, this.#ring.seal(Buffer.from(CONTEXT), CONTEXT));
    const sealed = await this.#sealed();
    if (sealed === null) return;
    try {
      this.#ring.open(sealed, CONTEXT);
    } catch (cause) {
      const message = `Temporal's payloads are sealed with the master key ${keyIdOf(sealed) ?? 'of another version'}, which this process has not.`;
      const remedy =
        'Give all workers and APIs the same MASTER_KEY or MASTER_KEY_FILE. If the key is lost for good, so is what runs: end it, ' +
        'and start once with TEMPORAL_ENCRYPTION=false.';
      throw new HoldfastError('SECRET_UNREADABLE', message, { cause, remedy });
    }
  }

  /** Seals anew with the first key, after a rotation; nothing where nobody has joined, or with other keys. */
  async renew(): Promise<void> {
    const sealed = await this.#sealed();
    if (sealed === null || keyIdOf(sealed) === this.#ring.ids[0] || !this.#ring.ids.includes(keyIdOf(sealed) ?? ''))
      return;
    const anew = this.#ring.seal(Buffer.from(CONTEXT), CONTEXT);
    await this.#db.run('UPDATE key_agreement SET sealed = ? WHERE id = 1 AND sealed = ?', anew, sealed);
  }

  /** Forgets what was agreed: nothing is sealed for Temporal any more. */
  async end(): Promise<void> {
    await this.#db.run('DELETE FROM key_agreement WHERE id = 1');
  }

  async #sealed(): Promise<Uint8Array | null> {
    const row = await this.#db.get('SELECT sealed FROM key_agreement WHERE id = 1');
    return row === undefined ? null : (row['sealed'] as Uint8Array);
  }
}
