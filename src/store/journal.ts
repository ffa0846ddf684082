import { HoldfastError } from '../domain/failure.ts';
import { noUsage, type Usage } from '../domain/usage.ts';
import type { Database, Queries, Row } from './database.ts';

/** A transcript entry: JSON that only `agent/` understands. */
export type Entry = Readonly<Record<string, unknown>>;

/** The files of a session at some moment. Trees are git object ids. */
export interface FileState {
  /** What git tracks or would track. */
  readonly tree: string;
  /** The ignored files that the session's include list names; null when there are none. */
  readonly kept: string | null;
  /** Ignored paths that were there besides and exist nowhere else; directories end with `/`. Not complete when there are many. */
  readonly ignored: readonly string[];
}

/** Files, transcript and usage after one turn: enough to go on elsewhere. */
export interface Checkpoint extends FileState {
  readonly turn: number;
  /** The transcript's entries 1 to `seq` belong to the checkpoint. */
  readonly seq: number;
  /** Blob of a git pack with what the files have that those of the checkpoint before had not; null when there is nothing new. */
  readonly pack: string | null;
  /** True when the pack holds everything that the base has not: no earlier one is needed. */
  readonly full: boolean;
  readonly usage: Usage;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** Where an attempt starts. */
export interface Resumption {
  /** The attempt's fence: every write must carry it. */
  readonly epoch: number;
  /** Null before the first turn. */
  readonly checkpoint: Checkpoint | null;
  /** The entries of the checkpoint, in order. */
  readonly entries: readonly Entry[];
  /** What had been recorded after the checkpoint: at most a reply whose tools were not finished, and what they gave. */
  readonly tail: readonly Entry[];
}

/**
 * Transcript entries and checkpoints, fenced by epoch: whoever claims a session last is the only one who can write.
 * A write of an older attempt throws STALE_ATTEMPT and changes nothing.
 */
export class Journal {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Takes the session over: raises its epoch and answers where to go on. Nothing recorded is lost by it. */
  claim(sessionId: string): Promise<Resumption> {
    return this.#db.transaction(async (queries) => {
      const changed = await queries.run('UPDATE sessions SET epoch = epoch + 1 WHERE id = ?', sessionId);
      if (changed === 0) throw new HoldfastError('SESSION_NOT_FOUND', `There is no session ${sessionId}.`);
      const row = await queries.get('SELECT epoch FROM sessions WHERE id = ?', sessionId);
      const checkpoint = await latest(queries, sessionId);
      const seq = checkpoint?.seq ?? 0;
      const all = await queries.all('SELECT seq, entry_json FROM entries WHERE session_id = ? ORDER BY seq', sessionId);
      const parse = (entry: Row): Entry => JSON.parse(String(entry['entry_json'])) as Entry;
      return {
        epoch: Number(row?.['epoch']),
        checkpoint,
        entries: all.filter((entry) => Number(entry['seq']) <= seq).map(parse),
        tail: all.filter((entry) => Number(entry['seq']) > seq).map(parse),
      };
    });
  }

  /**
   * Appends entries from position `fromSeq` on (the first entry is 1), replacing whatever an older attempt left there,
   * and commits the checkpoint, if one is given, in the same transaction.
   * @throws HoldfastError STALE_ATTEMPT
   */
  append(
    sessionId: string,
    epoch: number,
    write: { readonly fromSeq: number; readonly entries: readonly Entry[]; readonly checkpoint?: Checkpoint },
  ): Promise<void> {
    return this.#db.transaction(async (queries) => {
      await fence(queries, sessionId, epoch);
      await queries.run('DELETE FROM entries WHERE session_id = ? AND seq >= ?', sessionId, write.fromSeq);
      const sql = 'INSERT INTO entries (session_id, seq, epoch, entry_json) VALUES (?, ?, ?, ?)';
      for (const [index, entry] of write.entries.entries()) {
        await queries.run(sql, sessionId, write.fromSeq + index, epoch, JSON.stringify(entry));
      }
      if (write.checkpoint !== undefined) await insertCheckpoint(queries, sessionId, epoch, write.checkpoint);
    });
  }

  /**
   * Commits a checkpoint over entries that are already recorded.
   * @throws HoldfastError STALE_ATTEMPT
   */
  commit(sessionId: string, epoch: number, checkpoint: Checkpoint): Promise<void> {
    return this.#db.transaction(async (queries) => {
      await fence(queries, sessionId, epoch);
      await insertCheckpoint(queries, sessionId, epoch, checkpoint);
    });
  }

  /** The newest checkpoint, or null before the first turn. */
  latest(sessionId: string): Promise<Checkpoint | null> {
    return latest(this.#db, sessionId);
  }

  /** The packs that make the newest checkpoint's files out of the base, in order: the last full one and what came after it. */
  async packs(sessionId: string): Promise<string[]> {
    const sql = `SELECT pack FROM checkpoints WHERE session_id = ? AND pack IS NOT NULL AND turn >=
      (SELECT coalesce(max(turn), 0) FROM checkpoints WHERE session_id = ? AND is_full = 1) ORDER BY turn`;
    return (await this.#db.all(sql, sessionId, sessionId)).map((row) => String(row['pack']));
  }

  /** What the session has used, as of its newest checkpoint. */
  async usage(sessionId: string): Promise<Usage> {
    return (await this.latest(sessionId))?.usage ?? noUsage;
  }

  /** All entries that are recorded, in order. */
  async transcript(sessionId: string): Promise<Entry[]> {
    const rows = await this.#db.all('SELECT entry_json FROM entries WHERE session_id = ? ORDER BY seq', sessionId);
    return rows.map((row) => JSON.parse(String(row['entry_json'])) as Entry);
  }
}

async function fence(queries: Queries, sessionId: string, epoch: number): Promise<void> {
  const row = await queries.get('SELECT epoch FROM sessions WHERE id = ?', sessionId);
  if (Number(row?.['epoch']) === epoch) return;
  throw new HoldfastError('STALE_ATTEMPT', `Another attempt has taken over session ${sessionId}.`);
}

async function insertCheckpoint(
  queries: Queries,
  sessionId: string,
  epoch: number,
  checkpoint: Checkpoint,
): Promise<void> {
  const { turn, seq, tree, kept, ignored, pack, full, usage, at } = checkpoint;
  const sql = `INSERT INTO checkpoints (session_id, turn, seq, epoch, tree, kept, ignored_json, pack, is_full, usage_json, at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (session_id, turn) DO UPDATE SET seq = excluded.seq, epoch = excluded.epoch,
    tree = excluded.tree, kept = excluded.kept, ignored_json = excluded.ignored_json, pack = excluded.pack,
    is_full = excluded.is_full, usage_json = excluded.usage_json, at = excluded.at`;
  const files = [tree, kept, JSON.stringify(ignored), pack, full ? 1 : 0] as const;
  await queries.run(sql, sessionId, turn, seq, epoch, ...files, JSON.stringify(usage), at);
}

async function latest(queries: Queries, sessionId: string): Promise<Checkpoint | null> {
  const sql = 'SELECT * FROM checkpoints WHERE session_id = ? ORDER BY turn DESC LIMIT 1';
  const row = await queries.get(sql, sessionId);
  if (row === undefined) return null;
  return {
    turn: Number(row['turn']),
    seq: Number(row['seq']),
    tree: String(row['tree']),
    kept: row['kept'] as string | null,
    ignored: JSON.parse(String(row['ignored_json'])) as string[],
    pack: row['pack'] as string | null,
    full: Number(row['is_full']) === 1,
    usage: JSON.parse(String(row['usage_json'])) as Usage,
    at: Number(row['at']),
  };
}
