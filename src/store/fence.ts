import { HoldfastError } from '../domain/failure.ts';
import type { Queries } from './database.ts';

/**
 * Lets a write through only while nobody has claimed the session after `epoch`; to be called in the transaction of the write.
 * @throws HoldfastError STALE_ATTEMPT
 */
export async function fence(queries: Queries, sessionId: string, epoch: number): Promise<void> {
  const row = await queries.get('SELECT epoch FROM sessions WHERE id = ?', sessionId);
  if (Number(row?.['epoch']) === epoch) return;
  throw new HoldfastError('STALE_ATTEMPT', `Another attempt has taken over session ${sessionId}.`);
}
