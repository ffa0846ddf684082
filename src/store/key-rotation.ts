import { HoldfastError } from '../domain/failure.ts';
import { keyIdOf, type KeyRing } from '../sealing/key-ring.ts';
import type { Database } from './database.ts';
import type { KeyAgreement } from './key-agreement.ts';
import { sealedRow, SELECT, type SealedSecrets } from './secrets.ts';

const PAGE = 100;
/** How secrets are counted whose format names no key: sealed by a first version. */
const UNNAMED = 'unnamed';

/** A master key, as far as it may be told. */
export interface KeyUse {
  readonly id: string;
  /** True for the one that new secrets are sealed with. */
  readonly seals: boolean;
  /** False for one that sealed something and is not in the ring: what it sealed cannot be opened. */
  readonly present: boolean;
  /** Secrets that only this one opens. */
  readonly secrets: number;
}

/** What a rotation did. */
export interface Rotated {
  /** The id of the key that was made; null where the keys are given from outside: then the first of them is the one to seal with. */
  readonly added: string | null;
  readonly seals: string;
  readonly resealed: number;
  /** Secrets that no key of the ring opens; they are left as they are. */
  readonly unreadable: number;
}

/** What a rotation works with. */
export interface RotationParts {
  readonly db: Database;
  readonly ring: KeyRing;
  readonly secrets: SealedSecrets;
  readonly agreement: KeyAgreement;
  /** Makes a new key that seals from now on; null where the keys are given from outside. */
  readonly addKey: (() => void) | null;
}

/** Changes the key that seals, and seals everything anew with it. A kill in between leaves some secrets with their old key, which still opens them. */
export class KeyRotation {
  readonly #parts: RotationParts;

  constructor(parts: RotationParts) {
    this.#parts = parts;
  }

  /** The keys and what they hold, the one that seals first. */
  async keys(): Promise<KeyUse[]> {
    const { db, ring } = this.#parts;
    const counts = new Map<string, number>();
    for (const row of await db.all('SELECT sealed FROM secrets')) {
      const id = keyIdOf(row['sealed'] as Uint8Array) ?? UNNAMED;
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    const known = ring.ids;
    const unknown = [...counts.keys()].filter((id) => !known.includes(id));
    return [...known, ...unknown].map((id, index) => ({
      id,
      seals: index === 0,
      present: known.includes(id),
      secrets: counts.get(id) ?? 0,
    }));
  }

  /** Makes a new key, where the keys are our own, and seals all secrets with the first one. */
  async rotate(): Promise<Rotated> {
    const { addKey, db, ring } = this.#parts;
    // The write lock of the records: of two that rotate at once, each must find the key of the other one in the file.
    if (addKey !== null) await db.transaction(async () => addKey());
    ring.refresh();
    const [seals = ''] = ring.ids;
    return { added: addKey === null ? null : seals, seals, ...(await this.reseal()) };
  }

  /** Seals with the first key whatever another one sealed. Running it again, or in two processes at once, does no harm. */
  async reseal(): Promise<Pick<Rotated, 'resealed' | 'unreadable'>> {
    const { agreement, db } = this.#parts;
    await agreement.renew();
    let resealed = 0;
    let unreadable = 0;
    let after = ['', ''];
    for (;;) {
      const where =
        'WHERE (secrets.session_id, secrets.name) > (?, ?) ORDER BY secrets.session_id, secrets.name LIMIT ?';
      const rows = await db.all(`${SELECT} ${where}`, after[0] ?? '', after[1] ?? '', PAGE);
      for (const row of rows) {
        const done = await this.#reseal(row);
        if (done === 'resealed') resealed += 1;
        if (done === 'unreadable') unreadable += 1;
      }
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE) return { resealed, unreadable };
      after = [String(last['session_id']), String(last['name'])];
    }
  }

  async #reseal(row: Parameters<typeof sealedRow>[0]): Promise<'resealed' | 'unreadable' | 'as it was'> {
    const { db, ring, secrets } = this.#parts;
    const { owner, name, sealed } = sealedRow(row);
    if (keyIdOf(sealed) === ring.ids[0]) return 'as it was';
    try {
      const anew = secrets.seal(owner, name, secrets.open(row)).sealed;
      // One that was replaced meanwhile stays as it was given.
      const sql = 'UPDATE secrets SET sealed = ? WHERE session_id = ? AND name = ? AND sealed = ?';
      return (await db.run(sql, anew, owner.id, name, sealed)) === 1 ? 'resealed' : 'as it was';
    } catch (error) {
      if (error instanceof HoldfastError && error.code === 'SECRET_UNREADABLE') return 'unreadable';
      throw error;
    }
  }
}
