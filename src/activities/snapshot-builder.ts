import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { HoldfastError } from '../domain/failure.ts';
import type { Frozen } from '../domain/session.ts';
import { Snapshot } from '../domain/snapshot.ts';
import { faultPoint } from '../fault-point.ts';
import type { Store } from '../store/store.ts';

/** Freezes agreements: canonical JSON (RFC 8785), SHA-256, stored under its digest. */
export class SnapshotBuilder {
  readonly #blobs: Store['blobs'];
  readonly #sessions: Store['sessions'];

  constructor(store: Store) {
    this.#blobs = store.blobs;
    this.#sessions = store.sessions;
  }

  /** Stores the snapshot and notes its digest with the session; the same content gives the same digest. */
  async freeze(snapshot: Snapshot): Promise<Frozen> {
    await faultPoint('before:snapshot-frozen', snapshot.sessionId);
    const digest = await this.#blobs.put(snapshot.sessionId, canonicalJson(snapshot));
    const frozen: Frozen = {
      digest,
      createdAt: snapshot.createdAt,
      filesFrozen: snapshot.files.length + snapshot.scripts.length,
      toolsWhitelisted: snapshot.tools,
    };
    await this.#sessions.setFrozen(snapshot.sessionId, frozen);
    await faultPoint('after:snapshot-frozen', snapshot.sessionId);
    return frozen;
  }

  /**
   * Loads a snapshot and checks it: its bytes against the digest, its shape, and that it is canonical.
   * @throws HoldfastError SNAPSHOT_TAMPERED
   */
  async load(digest: string): Promise<Snapshot> {
    const text = (await this.#blobs.get(digest)).toString('utf8');
    const parsed = Snapshot.safeParse(parseJson(text));
    if (!parsed.success || canonicalJson(parsed.data) !== text) {
      throw new HoldfastError('SNAPSHOT_TAMPERED', `The blob ${digest} is not a snapshot.`);
    }
    return parsed.data;
  }
}

/** The canonical JSON of a value, as RFC 8785 defines it. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new HoldfastError('INTERNAL', 'The value has no JSON.');
  return text;
}

/** SHA-256 of a text, as `sha256:` and hex. */
export function digestOf(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
