import { HoldfastError } from '../domain/failure.ts';
import { isConfidential, type SecretName } from '../domain/task.ts';
import { isFirstFormat, openFirstFormat } from '../sealing/first-format.ts';
import type { KnownSecrets } from '../redaction/known-secrets.ts';
import type { KeyRing } from '../sealing/key-ring.ts';
import type { Database, Row } from './database.ts';

/** A secret that can only be opened with a master key, for the tenant, session and name it was sealed for. */
export interface SealedSecret {
  readonly name: SecretName;
  readonly sealed: Uint8Array;
}

/** Whose a secret is. */
export interface SecretOwner {
  readonly tenant: string;
  readonly id: string;
}

/**
 * Secrets of sessions, sealed by a {@link KeyRing} and bound to tenant, session and name: moved to another row they do not open. They are
 * opened only for work at their session, to be used or to be redacted by their values, and removed with the session.
 */
export class SealedSecrets {
  readonly #db: Database;
  readonly #ring: KeyRing;
  readonly #known: KnownSecrets;

  /** @param known is told of every secret that is had in the clear. */
  constructor(db: Database, ring: KeyRing, known: KnownSecrets) {
    this.#db = db;
    this.#ring = ring;
    this.#known = known;
  }

  /** Seals a secret, to be stored together with the session it belongs to. */
  seal(owner: SecretOwner, name: SecretName, value: string): SealedSecret {
    return { name, sealed: this.#ring.seal(Buffer.from(this.#learn(owner, name, value)), contextOf(owner, name)) };
  }

  /**
   * Seals and stores a secret, replacing one of the same name.
   * @throws HoldfastError SESSION_NOT_FOUND
   */
  async put(sessionId: string, name: SecretName, value: string): Promise<void> {
    const row = await this.#db.get('SELECT tenant FROM sessions WHERE id = ?', sessionId);
    if (row === undefined) throw new HoldfastError('SESSION_NOT_FOUND', `There is no session ${sessionId}.`);
    const { sealed } = this.seal({ tenant: String(row['tenant']), id: sessionId }, name, value);
    const sql = `INSERT INTO secrets (session_id, name, sealed) VALUES (?, ?, ?)
      ON CONFLICT (session_id, name) DO UPDATE SET sealed = excluded.sealed`;
    await this.#db.run(sql, sessionId, name, sealed);
  }

  /**
   * Opens a secret; undefined when the session has none of that name.
   * @throws HoldfastError SECRET_UNREADABLE when its key is not there, or it was changed or moved.
   */
  async get(sessionId: string, name: SecretName): Promise<string | undefined> {
    const row = await this.#db.get(`${SELECT} WHERE secrets.session_id = ? AND name = ?`, sessionId, name);
    return row && this.open(row);
  }

  /** Removes secrets of a session. */
  async forget(sessionId: string, names: readonly SecretName[]): Promise<void> {
    for (const name of names)
      await this.#db.run('DELETE FROM secrets WHERE session_id = ? AND name = ?', sessionId, name);
  }

  /** Makes all secrets of a session known to this process, so that it lets none of them out. What cannot be opened cannot leak. */
  async learn(sessionId: string): Promise<void> {
    for (const row of await this.#db.all(`${SELECT} WHERE secrets.session_id = ?`, sessionId)) {
      try {
        this.open(row);
      } catch (error) {
        if (!(error instanceof HoldfastError) || error.code !== 'SECRET_UNREADABLE') throw error;
      }
    }
  }

  /** Opens a row of {@link SELECT}. @throws HoldfastError SECRET_UNREADABLE */
  open(row: Row): string {
    const { owner, name, sealed } = sealedRow(row);
    try {
      return this.#learn(owner, name, this.#opened(owner, name, sealed).toString('utf8'));
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new HoldfastError('SECRET_UNREADABLE', `Secret ${name} of ${owner.id} cannot be opened. ${why}`, { cause });
    }
  }

  #opened(owner: SecretOwner, name: SecretName, sealed: Uint8Array): Buffer {
    if (!isFirstFormat(sealed)) return this.#ring.open(sealed, contextOf(owner, name));
    const opened = openFirstFormat(this.#ring.masters, sealed, `${owner.id}|${name}`);
    if (opened === null) throw new HoldfastError('SECRET_UNREADABLE', 'No key of the ring opens it.');
    return opened;
  }

  #learn(owner: SecretOwner, name: SecretName, value: string): string {
    return isConfidential(name) ? this.#known.learn(owner.id, name, value) : value;
  }
}

/** Sealed secrets with whose they are. */
export const SELECT = `SELECT secrets.session_id AS session_id, secrets.name AS name, secrets.sealed AS sealed, sessions.tenant AS tenant
  FROM secrets JOIN sessions ON sessions.id = secrets.session_id`;

/** A row of {@link SELECT}. */
export function sealedRow(row: Row): { owner: SecretOwner; name: SecretName; sealed: Uint8Array } {
  const owner = { tenant: String(row['tenant']), id: String(row['session_id']) };
  return { owner, name: row['name'] as SecretName, sealed: row['sealed'] as Uint8Array };
}

function contextOf({ tenant, id }: SecretOwner, name: SecretName): string {
  return `secret|${tenant}|${id}|${name}`;
}
