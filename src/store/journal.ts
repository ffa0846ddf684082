import { HoldfastError } from '../domain/failure.ts';
import { addUsage, noUsage, type Usage } from '../domain/usage.ts';
import { faultPoint } from '../fault-point.ts';
import type { Database, Queries, Row } from './database.ts';
import { closeEffects, settle, type Settlement } from './effects.ts';
import { appendEvent } from './events.ts';
import { fence } from './fence.ts';

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

/** The thread of the session's own agent. Each sub-agent has another, named by its id. */
export const MAIN = '';

/** Files, transcript and usage after one turn: enough to go on elsewhere. The event `turn` is committed with it. */
export interface Checkpoint extends FileState {
  /** Counts the turns of the session, whichever thread takes them: the highest is the newest, and its files hold all that was done. */
  readonly turn: number;
  /** Whose turn it was. */
  readonly thread: string;
  /** The entries 1 to `seq` of that thread belong to the checkpoint. */
  readonly seq: number;
  /** Blob of a git pack with what the files have that those of the checkpoint before had not; null when there is nothing new. */
  readonly pack: string | null;
  /** True when the pack holds everything that the base has not: no earlier one is needed. */
  readonly full: boolean;
  readonly usage: Usage;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** A transcript as it is recorded. */
export interface Thread {
  readonly id: string;
  /** The turn of its last checkpoint; 0 before the first. */
  readonly turn: number;
  /** The entries of that checkpoint, in order. */
  readonly entries: readonly Entry[];
  /** What had been recorded after it: at most a reply whose tools were not finished, and what they gave. */
  readonly tail: readonly Entry[];
}

/** Where an attempt starts. */
export interface Resumption {
  /** The attempt's fence: every write must carry it. */
  readonly epoch: number;
  /** The newest of the session, which may be a sub-agent's; null before the first turn. */
  readonly checkpoint: Checkpoint | null;
  readonly main: Thread;
  /** What earlier attempts used that no checkpoint holds. */
  readonly lost: Usage;
}

/** An attempt at a piece of work, as Temporal counts them. */
export interface Claimant {
  /** What is attempted; unlike anything else that ever is. */
  readonly work: string;
  /** From 1. */
  readonly attempt: number;
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

  /**
   * Takes the session over: raises its epoch and answers where to go on. Nothing recorded is lost by it.
   * @param claimant who is refused when a later attempt at the same work was here already: a worker that hung begins, when it wakes up,
   * what it was given before and others have long been at.
   * @throws HoldfastError STALE_ATTEMPT
   */
  claim(sessionId: string, claimant?: Claimant): Promise<Resumption> {
    return this.#db.transaction(async (queries) => {
      if (claimant !== undefined) await noteClaimant(queries, sessionId, claimant);
      const changed = await queries.run('UPDATE sessions SET epoch = epoch + 1 WHERE id = ?', sessionId);
      if (changed === 0) throw new HoldfastError('SESSION_NOT_FOUND', `There is no session ${sessionId}.`);
      const row = await queries.get('SELECT epoch FROM sessions WHERE id = ?', sessionId);
      const checkpoint = await latest(queries, sessionId);
      const main = await readThread(queries, sessionId, MAIN);
      return { epoch: Number(row?.['epoch']), checkpoint, main, lost: await lostUsage(queries, sessionId) };
    });
  }

  /**
   * Makes sure that nobody has claimed the session since.
   * @throws HoldfastError STALE_ATTEMPT
   */
  assertCurrent(sessionId: string, epoch: number): Promise<void> {
    return fence(this.#db, sessionId, epoch);
  }

  /** A thread as it is recorded; empty when nothing is. */
  thread(sessionId: string, id: string): Promise<Thread> {
    return this.#db.transaction((queries) => readThread(queries, sessionId, id));
  }

  /**
   * Appends entries to a thread from position `fromSeq` on (the first entry is 1), replacing whatever an older attempt left there, and
   * commits the checkpoint or the end of a call with effects outside, if one is given, in the same transaction.
   * @throws HoldfastError STALE_ATTEMPT
   */
  append(
    sessionId: string,
    epoch: number,
    write: {
      readonly thread: string;
      readonly fromSeq: number;
      readonly entries: readonly Entry[];
      readonly checkpoint?: Checkpoint;
      readonly settlement?: Settlement | undefined;
    },
  ): Promise<void> {
    const { thread, fromSeq } = write;
    return this.#db.transaction(async (queries) => {
      await fence(queries, sessionId, epoch);
      const rest = 'DELETE FROM entries WHERE session_id = ? AND thread = ? AND seq >= ?';
      await queries.run(rest, sessionId, thread, fromSeq);
      const sql = 'INSERT INTO entries (session_id, thread, seq, epoch, entry_json) VALUES (?, ?, ?, ?, ?)';
      for (const [index, entry] of write.entries.entries()) {
        await queries.run(sql, sessionId, thread, fromSeq + index, epoch, JSON.stringify(entry));
      }
      if (write.settlement !== undefined) await settle(queries, sessionId, write.settlement);
      if (write.checkpoint !== undefined) await insertCheckpoint(queries, sessionId, epoch, write.checkpoint);
      await faultPoint('before:entries-written', sessionId);
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

  /** The tree of the checkpoint of a turn, whichever thread took it; null when there is none. */
  async treeAt(sessionId: string, turn: number): Promise<string | null> {
    const sql = 'SELECT tree FROM checkpoints WHERE session_id = ? AND turn = ?';
    const row = await this.#db.get(sql, sessionId, turn);
    return row === undefined ? null : String(row['tree']);
  }

  /** The newest checkpoint, whichever thread took it, or null before the first turn. */
  latest(sessionId: string): Promise<Checkpoint | null> {
    return latest(this.#db, sessionId);
  }

  /** Checkpoints of the session's own agent, newest first: a fork's oldest one, turn 0, is where it came from. */
  async checkpoints(
    sessionId: string,
    page: { readonly before: number; readonly limit: number },
  ): Promise<Checkpoint[]> {
    const sql = `SELECT * FROM checkpoints WHERE session_id = ? AND thread = ? AND turn >= 0 AND turn < ?
      ORDER BY turn DESC LIMIT ?`;
    return (await this.#db.all(sql, sessionId, MAIN, page.before, page.limit)).map(toCheckpoint);
  }

  /** The packs that make the newest checkpoint's files out of the base, in order: the last full one and what came after it. */
  async packs(sessionId: string): Promise<string[]> {
    const sql = `SELECT pack FROM checkpoints WHERE session_id = ? AND pack IS NOT NULL AND turn >=
      coalesce((SELECT max(turn) FROM checkpoints WHERE session_id = ? AND is_full = 1),
      (SELECT min(turn) FROM checkpoints WHERE session_id = ?)) ORDER BY turn`;
    return (await this.#db.all(sql, sessionId, sessionId, sessionId)).map((row) => String(row['pack']));
  }

  /** What the session has used: as of its newest checkpoint, and by attempts that ended without one. */
  async usage(sessionId: string): Promise<Usage> {
    return addUsage((await this.latest(sessionId))?.usage ?? noUsage, await lostUsage(this.#db, sessionId));
  }

  /**
   * Notes what an attempt used that no checkpoint of its own holds: calls that failed, turns that were broken off. It is not fenced: what
   * an attempt that was overtaken has spent is spent as well.
   */
  async noteLoss(sessionId: string, epoch: number, usage: Usage): Promise<void> {
    const sql = `INSERT INTO losses (session_id, epoch, usage_json) VALUES (?, ?, ?)
      ON CONFLICT (session_id, epoch) DO UPDATE SET usage_json = excluded.usage_json`;
    await this.#db.run(sql, sessionId, epoch, JSON.stringify(usage));
  }

  /** All entries of a thread that are recorded, in order. */
  async transcript(sessionId: string, thread = MAIN): Promise<Entry[]> {
    const sql = 'SELECT entry_json FROM entries WHERE session_id = ? AND thread = ? ORDER BY seq';
    return (await this.#db.all(sql, sessionId, thread)).map(parseEntry);
  }

  /** The ids of the sub-agents that have anything recorded. */
  async subAgents(sessionId: string): Promise<string[]> {
    const sql = 'SELECT DISTINCT thread FROM entries WHERE session_id = ? AND thread <> ? ORDER BY thread';
    return (await this.#db.all(sql, sessionId, MAIN)).map((row) => String(row['thread']));
  }
}

async function readThread(queries: Queries, sessionId: string, id: string): Promise<Thread> {
  const last = 'SELECT turn, seq FROM checkpoints WHERE session_id = ? AND thread = ? ORDER BY turn DESC LIMIT 1';
  const checkpoint = await queries.get(last, sessionId, id);
  const seq = Number(checkpoint?.['seq'] ?? 0);
  const sql = 'SELECT seq, entry_json FROM entries WHERE session_id = ? AND thread = ? ORDER BY seq';
  const all = await queries.all(sql, sessionId, id);
  return {
    id,
    turn: Number(checkpoint?.['turn'] ?? 0),
    entries: all.filter((entry) => Number(entry['seq']) <= seq).map(parseEntry),
    tail: all.filter((entry) => Number(entry['seq']) > seq).map(parseEntry),
  };
}

function parseEntry(row: Row): Entry {
  return JSON.parse(String(row['entry_json'])) as Entry;
}

async function insertCheckpoint(
  queries: Queries,
  sessionId: string,
  epoch: number,
  checkpoint: Checkpoint,
): Promise<void> {
  const { turn, thread, seq, tree, kept, ignored, pack, full, usage, at } = checkpoint;
  const sql = `INSERT INTO checkpoints (session_id, turn, thread, seq, epoch, tree, kept, ignored_json, pack, is_full, usage_json, at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (session_id, turn) DO UPDATE SET thread = excluded.thread,
    seq = excluded.seq, epoch = excluded.epoch, tree = excluded.tree, kept = excluded.kept, ignored_json = excluded.ignored_json,
    pack = excluded.pack, is_full = excluded.is_full, usage_json = excluded.usage_json, at = excluded.at`;
  const files = [tree, kept, JSON.stringify(ignored), pack, full ? 1 : 0] as const;
  await queries.run(sql, sessionId, turn, thread, seq, epoch, ...files, JSON.stringify(usage), at);
  await closeEffects(queries, sessionId, thread);
  await faultPoint('before:transaction-committed', sessionId); // In its middle: whoever dies here has written nothing.
  const { inputTokens, outputTokens, costUsd } = usage;
  const data = { turn, inputTokens, outputTokens, costUsd, ...(thread !== MAIN && { task: thread }) };
  const event = { key: `turn/${turn}`, type: 'turn', state: 'EXECUTING', stage: 'coding', at, data } as const;
  await appendEvent(queries, sessionId, event); // The next attempt goes on after this turn and would never tell of it.
}

async function lostUsage(queries: Queries, sessionId: string): Promise<Usage> {
  const rows = await queries.all('SELECT usage_json FROM losses WHERE session_id = ?', sessionId);
  return rows.map((row) => JSON.parse(String(row['usage_json'])) as Usage).reduce(addUsage, noUsage);
}

async function latest(queries: Queries, sessionId: string): Promise<Checkpoint | null> {
  const sql = 'SELECT * FROM checkpoints WHERE session_id = ? ORDER BY turn DESC LIMIT 1';
  const row = await queries.get(sql, sessionId);
  return row === undefined ? null : toCheckpoint(row);
}

function toCheckpoint(row: Row): Checkpoint {
  return {
    turn: Number(row['turn']),
    thread: String(row['thread']),
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

async function noteClaimant(queries: Queries, sessionId: string, { work, attempt }: Claimant): Promise<void> {
  const sql = `UPDATE sessions SET claim_work = ?, claim_attempt = ?
    WHERE id = ? AND NOT (coalesce(claim_work, '') = ? AND coalesce(claim_attempt, 0) > ?)`;
  if ((await queries.run(sql, work, attempt, sessionId, work, attempt)) > 0) return;
  if ((await queries.get('SELECT id FROM sessions WHERE id = ?', sessionId)) === undefined) return; // The claim itself says so.
  throw new HoldfastError('STALE_ATTEMPT', `A later attempt than the ${attempt}th has begun on session ${sessionId}.`);
}
