import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { HoldfastError } from '../domain/failure.ts';
import type { SecretName } from '../domain/task.ts';
import type { Database } from './database.ts';

const FORMAT = Buffer.from('hfs1');
const SALT_BYTES = 16;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** A secret that can only be opened with the master key, for the session and name it was sealed for. */
export interface SealedSecret {
  readonly name: SecretName;
  readonly sealed: Uint8Array;
}

/**
 * Secrets of sessions, sealed with AES-256-GCM under a key of their own each (HKDF-SHA256 of the master key and a fresh salt),
 * bound to session and name. They are opened only by the activity that needs them and removed with the session.
 */
export class SealedSecrets {
  readonly #db: Database;
  readonly #master: Buffer;

  constructor(db: Database, master: Buffer) {
    this.#db = db;
    this.#master = master;
  }

  /** Seals a secret, to be stored together with the session it belongs to. */
  seal(sessionId: string, name: SecretName, value: string): SealedSecret {
    const salt = randomBytes(SALT_BYTES);
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#key(salt), iv).setAAD(context(sessionId, name));
    const sealed = Buffer.concat([FORMAT, salt, iv, cipher.update(value, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return { name, sealed };
  }

  /** Seals and stores a secret, replacing one of the same name. */
  async put(sessionId: string, name: SecretName, value: string): Promise<void> {
    const sql = `INSERT INTO secrets (session_id, name, sealed) VALUES (?, ?, ?)
      ON CONFLICT (session_id, name) DO UPDATE SET sealed = excluded.sealed`;
    await this.#db.run(sql, sessionId, name, this.seal(sessionId, name, value).sealed);
  }

  /**
   * Opens a secret; undefined when the session has none of that name.
   * @throws HoldfastError STORAGE_FAILED when it was sealed with another key or changed.
   */
  async get(sessionId: string, name: SecretName): Promise<string | undefined> {
    const row = await this.#db.get('SELECT sealed FROM secrets WHERE session_id = ? AND name = ?', sessionId, name);
    if (row === undefined) return undefined;
    try {
      return this.#open(Buffer.from(row['sealed'] as Uint8Array), context(sessionId, name));
    } catch (cause) {
      throw new HoldfastError(
        'STORAGE_FAILED',
        `Secret ${name} of ${sessionId} cannot be opened with this master key.`,
        { cause },
      );
    }
  }

  /** Removes secrets of a session. */
  async forget(sessionId: string, names: readonly SecretName[]): Promise<void> {
    for (const name of names)
      await this.#db.run('DELETE FROM secrets WHERE session_id = ? AND name = ?', sessionId, name);
  }

  #open(sealed: Buffer, aad: Buffer): string {
    if (!sealed.subarray(0, FORMAT.length).equals(FORMAT)) throw new Error('unknown format');
    const body = sealed.subarray(FORMAT.length);
    const salt = body.subarray(0, SALT_BYTES);
    const iv = body.subarray(SALT_BYTES, SALT_BYTES + IV_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', this.#key(salt), iv);
    decipher.setAAD(aad).setAuthTag(body.subarray(-TAG_BYTES));
    const text = decipher.update(body.subarray(SALT_BYTES + IV_BYTES, -TAG_BYTES));
    return Buffer.concat([text, decipher.final()]).toString('utf8');
  }

  #key(salt: Buffer): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#master, salt, 'holdfast secrets', 32));
  }
}

/**
 * The master key: 32 bytes in base64 when given, else read from (or made once in) a file that only its owner can read.
 * @throws HoldfastError STORAGE_FAILED when it is not 32 bytes.
 */
export function loadMasterKey(given: string | undefined, file: string): Buffer {
  const text = given ?? readOrCreate(file);
  const key = Buffer.from(text.trim(), 'base64');
  if (key.length !== 32) throw new HoldfastError('STORAGE_FAILED', 'The master key must be 32 bytes in base64.');
  return key;
}

function readOrCreate(file: string): string {
  if (existsSync(file)) return readFileSync(file, 'utf8');
  mkdirSync(dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  try {
    linkSync(temporary, file); // Fails when another process was first; then its key counts.
  } catch (error) {
    if (!existsSync(file)) throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
  return readFileSync(file, 'utf8');
}

function context(sessionId: string, name: SecretName): Buffer {
  return Buffer.from(`${sessionId}|${name}`);
}
