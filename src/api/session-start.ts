import type { NewSession, SessionRecord } from '../store/sessions.ts';
import type { Store } from '../store/store.ts';
import type { Sessions } from './session-manager.ts';

/** The one tenant of this version. */
export const TENANT = 'default';

/** A session that has been recorded and started, now or by an earlier request with the same Idempotency-Key. */
export interface Begun {
  readonly session: SessionRecord;
  /** False for a replay. */
  readonly created: boolean;
}

/**
 * Records a session and starts its workflow. A replay makes nothing and asks nobody: it is answered also where the request could no
 * longer be taken, and starts what the first call had only recorded.
 * @throws HoldfastError IDEMPOTENCY_MISMATCH, SESSION_NOT_FOUND when a fork's parent is gone, TEMPORAL_UNAVAILABLE
 * @throws what `make` throws
 */
export async function begin(
  { store, sessions }: { readonly store: Store; readonly sessions: Pick<Sessions, 'start'> },
  idempotency: NewSession['idempotency'],
  make: () => Promise<Pick<NewSession, 'id' | 'task' | 'secrets'>>,
): Promise<Begun> {
  const earlier = await store.sessions.earlier(TENANT, idempotency);
  const { id, created } =
    earlier === null
      ? await store.sessions.create({ ...(await make()), tenant: TENANT, createdAt: Date.now(), idempotency })
      : { id: earlier, created: false };
  const session = await store.sessions.get(id);
  await sessions.start(session).catch(async (error: unknown) => {
    // Without a key the caller could never find it again: nothing is kept. With one, the retry goes on where this call stopped.
    if (created && idempotency === null) await removeRecords(store, id);
    throw error;
  });
  return { session, created };
}

/** Removes everything that is recorded of a session; called again, it finishes what was interrupted. */
export async function removeRecords(store: Store, id: string): Promise<void> {
  await store.sessions.delete(id);
  await store.blobs.sweep();
}
