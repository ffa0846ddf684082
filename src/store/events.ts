import type { EventType, SessionEvent } from '../domain/events.ts';
import type { Phase, Stage } from '../domain/session.ts';
import type { KnownSecrets } from '../redaction/known-secrets.ts';
import type { Database, Queries, Row } from './database.ts';

/** An event to be recorded. `key` makes it idempotent: the second event with the same key is the first one. */
export interface NewEvent {
  readonly key: string;
  readonly type: EventType;
  readonly state: Phase;
  readonly stage: Stage;
  readonly at: number;
  readonly data: Readonly<Record<string, unknown>>;
}

/** The table of events: append-only, numbered densely within a session. */
export class EventRecords {
  readonly #db: Database;
  readonly #known: KnownSecrets;

  constructor(db: Database, known: KnownSecrets) {
    this.#db = db;
    this.#known = known;
  }

  /** Records the event, without secrets, or answers the one that was recorded under the same key before. */
  append(sessionId: string, event: NewEvent): Promise<SessionEvent> {
    const data = this.#known.of(sessionId).json(event.data);
    return this.#db.transaction((queries) => appendEvent(queries, sessionId, { ...event, data }));
  }

  /** Events after `afterSeq`, in order. */
  async list(sessionId: string, afterSeq = 0, limit = 10_000): Promise<SessionEvent[]> {
    const sql = 'SELECT * FROM events WHERE session_id = ? AND seq > ? ORDER BY seq LIMIT ?';
    return (await this.#db.all(sql, sessionId, afterSeq, limit)).map(toEvent);
  }

  /** Events of one type, in order. */
  async ofType(sessionId: string, type: EventType): Promise<SessionEvent[]> {
    const sql = 'SELECT * FROM events WHERE session_id = ? AND type = ? ORDER BY seq';
    return (await this.#db.all(sql, sessionId, type)).map(toEvent);
  }

  async find(id: string): Promise<SessionEvent | undefined> {
    const row = await this.#db.get('SELECT * FROM events WHERE id = ?', id);
    return row && toEvent(row);
  }
}

/** {@link EventRecords.append} as a part of a transaction that records more than the event. */
export async function appendEvent(queries: Queries, sessionId: string, event: NewEvent): Promise<SessionEvent> {
  const earlier = await queries.get('SELECT * FROM events WHERE session_id = ? AND key = ?', sessionId, event.key);
  if (earlier !== undefined) return toEvent(earlier);
  const last = await queries.get('SELECT coalesce(max(seq), 0) AS seq FROM events WHERE session_id = ?', sessionId);
  const seq = Number(last?.['seq']) + 1;
  const id = `evt_${sessionId.replace(/^ses_/, '')}_${seq}`;
  const { key, type, state, stage, at, data } = event;
  const sql = `INSERT INTO events (session_id, seq, id, key, type, state, stage, at, data_json)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`;
  await queries.run(sql, sessionId, seq, id, key, type, state, stage, at, JSON.stringify(data));
  return { id, sessionId, seq, type, state, stage, at, data };
}

function toEvent(row: Row): SessionEvent {
  return {
    id: String(row['id']),
    sessionId: String(row['session_id']),
    seq: Number(row['seq']),
    type: row['type'] as EventType,
    state: row['state'] as Phase,
    stage: row['stage'] as Stage,
    at: Number(row['at']),
    data: JSON.parse(String(row['data_json'])) as Record<string, unknown>,
  };
}
