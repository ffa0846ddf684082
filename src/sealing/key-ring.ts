import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { HoldfastError } from '../domain/failure.ts';

const FORMAT = Buffer.from('hfs2');
const ID_BYTES = 4;
const SALT_BYTES = 16;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = FORMAT.length + ID_BYTES;
/** How long the keys that were read are taken for those that are there. */
const FRESH_MS = 1000;

/** Where a ring has its keys from: 32 bytes each, the one that seals first. */
export type KeySource = () => readonly Buffer[];

/**
 * Seals with AES-256-GCM: the first key of the ring seals, all of them open. Each sealed thing has a key of its own (HKDF-SHA256 of the
 * master key and a fresh salt), so that no number of them wears a key out, and opens only in the context that it was sealed for.
 *
 * Format: `hfs2`, 4 bytes of key id, 16 of salt, 12 of nonce, the ciphertext, 16 of tag.
 */
export class KeyRing {
  readonly #source: KeySource;
  #keys: readonly Key[] = [];
  #readAt = Number.NEGATIVE_INFINITY;

  /** @param source is asked again from time to time, and for a key that is not known: another process may have rotated them. */
  constructor(source: KeySource) {
    this.#source = source;
  }

  /** The ids of the keys, the one that seals first. */
  get ids(): readonly string[] {
    return this.#current().map(({ id }) => id);
  }

  /** @param context what it is for, such as `secret|<tenant>|<session>|<name>`: in no other will it open. */
  seal(plain: Uint8Array, context: string): Buffer {
    const [first] = this.#current();
    if (first === undefined) throw new HoldfastError('SECRET_UNREADABLE', 'There is no master key to seal with.');
    const header = Buffer.concat([FORMAT, Buffer.from(first.id, 'hex')]);
    const salt = randomBytes(SALT_BYTES);
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', derive(first.master, salt), iv).setAAD(bound(header, context));
    return Buffer.concat([header, salt, iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  /**
   * Opens what was sealed in this context.
   * @throws HoldfastError SECRET_UNREADABLE when its key is not in the ring, and when it was changed or sealed for another context; both
   * say which key it was.
   */
  open(sealed: Uint8Array, context: string): Buffer {
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
    const id = keyIdOf(bytes);
    if (id === null) throw new HoldfastError('SECRET_UNREADABLE', 'This was not sealed here, or has been cut.');
    const key = this.#find(id);
    if (key === undefined) throw new HoldfastError('SECRET_UNREADABLE', `The master key ${id} is not in the ring.`);
    const body = bytes.subarray(HEADER_BYTES);
    const salt = body.subarray(0, SALT_BYTES);
    const iv = body.subarray(SALT_BYTES, SALT_BYTES + IV_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', derive(key.master, salt), iv);
    decipher.setAAD(bound(bytes.subarray(0, HEADER_BYTES), context)).setAuthTag(body.subarray(-TAG_BYTES));
    try {
      return Buffer.concat([decipher.update(body.subarray(SALT_BYTES + IV_BYTES, -TAG_BYTES)), decipher.final()]);
    } catch (cause) {
      const message = `What the master key ${id} sealed has been changed, or was moved here from elsewhere.`;
      throw new HoldfastError('SECRET_UNREADABLE', message, { cause });
    }
  }

  /** The master keys themselves: what an older version sealed does not say with which of them. */
  get masters(): readonly Buffer[] {
    return this.#current().map(({ master }) => master);
  }

  /** Reads the keys anew when they are needed next. */
  refresh(): void {
    this.#readAt = Number.NEGATIVE_INFINITY;
  }

  #find(id: string): Key | undefined {
    const known = this.#current().find((key) => key.id === id);
    if (known !== undefined) return known;
    this.refresh();
    return this.#current().find((key) => key.id === id);
  }

  #current(): readonly Key[] {
    if (performance.now() - this.#readAt < FRESH_MS) return this.#keys;
    this.#keys = this.#source().map((master) => ({ id: idOf(master), master }));
    this.#readAt = performance.now();
    return this.#keys;
  }
}

interface Key {
  readonly id: string;
  readonly master: Buffer;
}

/** The id of the key that something was sealed with, without opening it; null for what is not in our format. */
export function keyIdOf(sealed: Uint8Array): string | null {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  if (bytes.length < HEADER_BYTES + SALT_BYTES + IV_BYTES + TAG_BYTES) return null;
  if (!bytes.subarray(0, FORMAT.length).equals(FORMAT)) return null;
  return bytes.subarray(FORMAT.length, HEADER_BYTES).toString('hex');
}

/** A master key's id follows from the key and tells nothing about it: a key cannot be given a wrong name. */
export function idOf(master: Buffer): string {
  return Buffer.from(hkdfSync('sha256', master, '', 'holdfast key id', ID_BYTES)).toString('hex');
}

function derive(master: Buffer, salt: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', master, salt, 'holdfast sealed', 32));
}

function bound(header: Buffer, context: string): Buffer {
  return Buffer.concat([header, Buffer.from(context)]);
}
