import type { Database, Queries } from './database.ts';
import { fence } from './fence.ts';
import type { Checkpoint, Entry, FileState } from './journal.ts';

/** Files as a checkpoint has them; the pack builds on the newest checkpoint's. */
export type Files = FileState & Pick<Checkpoint, 'pack' | 'full'>;

/** Which calls belong together: those of one reply, the first after a certain turn of a thread. */
export interface Turn {
  /** Empty for the session's own agent. */
  readonly thread: string;
  /** The last turn of the thread that is committed; 0 before the first. */
  readonly after: number;
  /** The newest checkpoint of the session, whoever made it; 0 before the first. */
  readonly base: number;
}

/** A call that can change something outside. */
export interface Intent {
  /** Position among the calls of its reply, from 0. */
  readonly ordinal: number;
  readonly callId: string;
  readonly tool: string;
}

/** The end of such a call: from here on the files and results up to it are not made again. */
export interface Settlement extends Turn {
  readonly ordinal: number;
  readonly outcome: 'done' | 'unknown';
  readonly files: Files;
  /** What every call of the reply has given so far, in order: JSON that only `agent/` understands. */
  readonly results: readonly Entry[];
}

/** What a reply whose tools were not finished has done outside. */
export interface PendingEffects {
  /** What its first calls gave; they are not run again. */
  readonly results: readonly Entry[];
  /** Position of the call that was begun and has no known end; null for none. */
  readonly begun: number | null;
}

/**
 * Calls with effects outside: each is on record before it starts, and its result together with the files it left. So an attempt knows
 * of every one whether it has not been started, has ended, or may have happened; it repeats none.
 */
export class EffectRecords {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /**
   * Records that a call is about to start.
   * @throws HoldfastError STALE_ATTEMPT
   */
  begin(sessionId: string, epoch: number, turn: Turn, intent: Intent): Promise<void> {
    return this.#db.transaction(async (queries) => {
      await fence(queries, sessionId, epoch);
      await insert(queries, sessionId, epoch, turn, intent);
    });
  }

  /**
   * Records files and results up to a call without effects outside, as if it had some: before a sub-agent starts whose own calls will
   * leave files that hold what this one did.
   * @throws HoldfastError STALE_ATTEMPT
   */
  mark(sessionId: string, epoch: number, intent: Intent, settlement: Settlement): Promise<void> {
    return this.#db.transaction(async (queries) => {
      await fence(queries, sessionId, epoch);
      await insert(queries, sessionId, epoch, settlement, intent);
      await settle(queries, sessionId, settlement);
    });
  }

  /** Where a reply that is replayed stands; to be asked by whoever holds the fence. */
  async pending(sessionId: string, { thread, after }: Pick<Turn, 'thread' | 'after'>): Promise<PendingEffects> {
    const sql = 'SELECT * FROM effects WHERE session_id = ? AND thread = ? AND after_turn = ? ORDER BY ordinal';
    const rows = await this.#db.all(sql, sessionId, thread, after);
    const settled = rows.findLast(({ outcome }) => outcome !== 'begun');
    const begun = rows.find(({ outcome }) => outcome === 'begun');
    return {
      results: settled === undefined ? [] : (JSON.parse(String(settled['results_json'])) as Entry[]),
      begun: begun === undefined ? null : Number(begun['ordinal']),
    };
  }

  /** The files after the newest call that has ended, or null when the newest checkpoint (made after turn `base`) is newer. */
  async files(sessionId: string, base: number): Promise<Files | null> {
    const sql = `SELECT * FROM effects WHERE session_id = ? AND base_turn = ? AND outcome <> 'begun' AND files_json IS NOT NULL
      ORDER BY step DESC LIMIT 1`;
    const row = await this.#db.get(sql, sessionId, base);
    return row === undefined ? null : (JSON.parse(String(row['files_json'])) as Files);
  }
}

async function insert(
  queries: Queries,
  sessionId: string,
  epoch: number,
  { thread, after, base }: Turn,
  { ordinal, callId, tool }: Intent,
): Promise<void> {
  const last = await queries.get('SELECT max(step) AS step FROM effects WHERE session_id = ?', sessionId);
  const step = Number(last?.['step'] ?? 0) + 1;
  const sql = `INSERT INTO effects (session_id, thread, after_turn, ordinal, step, base_turn, epoch, call_id, tool, outcome)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'begun')`;
  await queries.run(sql, sessionId, thread, after, ordinal, step, base, epoch, callId, tool);
}

/** Records the end of a call, in the transaction that records its result. */
export async function settle(queries: Queries, sessionId: string, settlement: Settlement): Promise<void> {
  const { thread, after, base, ordinal, outcome, files, results } = settlement;
  const sql = `UPDATE effects SET outcome = ?, base_turn = ?, files_json = ?, results_json = ?
    WHERE session_id = ? AND thread = ? AND after_turn = ? AND ordinal = ?`;
  const texts = [JSON.stringify(files), JSON.stringify(results)] as const;
  await queries.run(sql, outcome, base, ...texts, sessionId, thread, after, ordinal);
}

/** A turn is committed, and what its calls gave stands in its entries: that they happened stays on record, in the checkpoint's transaction. */
export async function closeEffects(queries: Queries, sessionId: string, thread: string): Promise<void> {
  const sql = `UPDATE effects SET results_json = NULL, files_json = NULL
    WHERE session_id = ? AND thread = ? AND results_json IS NOT NULL`;
  await queries.run(sql, sessionId, thread);
}
