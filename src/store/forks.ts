import { HoldfastError } from '../domain/failure.ts';
import type { Parent } from '../domain/task.ts';
import { noUsage } from '../domain/usage.ts';
import type { Queries } from './database.ts';
import { MAIN } from './journal.ts';

/**
 * Gives a new session what its parent has at a checkpoint: base, contract, plan, transcript and files. Rows are copied, blobs only
 * claimed. Turns are counted anew: the checkpoint is turn 0, with nothing used yet; those before it stay only where the files need
 * their packs, with negative turns. The parent's sub-agents have told it what they had to tell: they stay behind. In the transaction that records the session, so that a parent is deleted before it or after it.
 * @throws HoldfastError SESSION_NOT_FOUND when the parent has been deleted.
 */
export async function copyCheckpoint(queries: Queries, id: string, parent: Parent): Promise<void> {
  const { sessionId, turn, seq, digest } = parent;
  const found = await queries.get(
    'SELECT turn FROM checkpoints WHERE session_id = ? AND turn = ? AND thread = ? AND seq = ?',
    sessionId,
    turn,
    MAIN,
    seq,
  );
  if (found === undefined) throw new HoldfastError('SESSION_NOT_FOUND', `There is no session ${sessionId} any more.`);
  await queries.run(
    `UPDATE sessions SET base_json = (SELECT base_json FROM sessions WHERE id = ?),
      contract_json = (SELECT contract_json FROM sessions WHERE id = ?) WHERE id = ?`,
    sessionId,
    sessionId,
    id,
  );
  await copyPlan(queries, id, parent);
  await queries.run(
    `INSERT INTO entries (session_id, thread, seq, epoch, entry_json)
      SELECT ?, thread, seq, 0, entry_json FROM entries WHERE session_id = ? AND thread = ? AND seq <= ?`,
    id,
    sessionId,
    MAIN,
    seq,
  );
  await queries.run(
    `INSERT INTO checkpoints (session_id, turn, thread, seq, epoch, tree, kept, ignored_json, pack, is_full, usage_json, at)
      SELECT ?, turn - ?, ?, seq, 0, tree, kept, ignored_json, pack, is_full, ?, at FROM checkpoints
      WHERE session_id = ? AND turn <= ? AND (pack IS NOT NULL OR turn = ?)
      AND NOT EXISTS (SELECT 1 FROM checkpoints AS later
        WHERE later.session_id = checkpoints.session_id AND later.is_full = 1 AND later.turn > checkpoints.turn AND later.turn <= ?)`,
    id,
    turn,
    MAIN,
    JSON.stringify(noUsage),
    sessionId,
    turn,
    turn,
    turn,
  );
  await queries.run(
    `INSERT INTO blob_claims (session_id, blob)
      SELECT DISTINCT session_id, pack FROM checkpoints WHERE session_id = ? AND pack IS NOT NULL`,
    id,
  );
  await queries.run('INSERT INTO blob_claims (session_id, blob) VALUES (?, ?)', id, digest);
}

/** The plan as it was: what the agent had last planned before the turn was over. */
async function copyPlan(queries: Queries, id: string, { sessionId, turn }: Parent): Promise<void> {
  const sql = `SELECT data_json FROM events WHERE session_id = ? AND type = 'plan'
    AND seq < (SELECT seq FROM events WHERE session_id = ? AND key = ?) ORDER BY seq DESC LIMIT 1`;
  const row = await queries.get(sql, sessionId, sessionId, `turn/${turn}`);
  if (row === undefined) return;
  const { plan } = JSON.parse(String(row['data_json'])) as { plan: unknown };
  await queries.run('UPDATE sessions SET plan_json = ? WHERE id = ?', JSON.stringify(plan), id);
}
