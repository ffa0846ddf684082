import { HoldfastError } from '../domain/failure.ts';
import type { SessionRecord } from '../store/sessions.ts';
import type { Store } from '../store/store.ts';

/**
 * The session, if it can still be told something.
 * @throws HoldfastError SESSION_NOT_FOUND, SESSION_CLOSED
 */
export async function openSession(store: Store, id: string): Promise<SessionRecord> {
  const session = await store.sessions.get(id);
  if (!isLive(session)) throw new HoldfastError('SESSION_CLOSED', `The session is ${session.state}.`);
  return session;
}

/** True while the session has not ended. */
export function isLive({ state }: SessionRecord): boolean {
  return state !== 'COMPLETE' && state !== 'FAILED';
}

/** Without the fields that are undefined: Temporal's JSON and exact optional types want them gone. */
export function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
