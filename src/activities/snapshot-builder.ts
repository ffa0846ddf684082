import { canonicalJson, jsonOf } from '../digest/canonical-json.ts';
import type { Contract } from '../domain/contract.ts';
import { HoldfastError } from '../domain/failure.ts';
import type { Frozen } from '../domain/session.ts';
import { Snapshot } from '../domain/snapshot.ts';
import { faultPoint } from '../fault-point.ts';
import type { Store } from '../store/store.ts';

/** Freezes agreements: canonical JSON (RFC 8785), SHA-256, stored under its digest. */
export class SnapshotBuilder {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * Stores the snapshot, and with it the contract that it names by digest, and notes its digest with the session. The same content
   * gives the same digest.
   */
  async freeze(snapshot: Snapshot, contract: Contract): Promise<Frozen> {
    const { artifacts, blobs, sessions } = this.#store;
    const { sessionId, createdAt } = snapshot;
    await artifacts.put(sessionId, 'contract.json', 'application/json', canonicalJson(contract), createdAt);
    await faultPoint('before:snapshot-frozen', sessionId);
    const digest = await blobs.put(sessionId, canonicalJson(snapshot));
    const frozen: Frozen = {
      digest,
      createdAt: snapshot.createdAt,
      filesFrozen: snapshot.files.length + snapshot.scripts.length,
      toolsWhitelisted: snapshot.tools,
    };
    await sessions.setFrozen(sessionId, frozen);
    await faultPoint('after:snapshot-frozen', sessionId);
    return frozen;
  }

  /**
   * Loads a snapshot and checks it: its bytes against the digest, its shape, and that it is canonical.
   * @throws HoldfastError SNAPSHOT_TAMPERED
   */
  async load(digest: string): Promise<Snapshot> {
    const text = (await this.#store.blobs.get(digest)).toString('utf8');
    const parsed = Snapshot.safeParse(jsonOf(text));
    if (!parsed.success || canonicalJson(parsed.data) !== text) {
      throw new HoldfastError('SNAPSHOT_TAMPERED', `The blob ${digest} is not a snapshot.`);
    }
    return parsed.data;
  }
}
