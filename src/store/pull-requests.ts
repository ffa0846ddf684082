import type { Trigger } from '../domain/follow-up.ts';
import type { Database, Row } from './database.ts';

/** A pull request that a session has delivered to. */
export interface NotedRequest {
  /** As people open it: no two forges have the same. */
  readonly url: string;
  readonly sessionId: string;
  /** The commit that was delivered. */
  readonly head: string;
  /** The login that Holdfast has there; null where it could not be told. */
  readonly viewer: string | null;
  readonly trigger: Trigger;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** Credentials of an ended session that are kept because its pull request is open: a review of it can be answered with them. */
export interface KeptCredentials {
  readonly sessionId: string;
  /** How many secrets, the webhook's aside. */
  readonly secrets: number;
  /** Where the session delivered to, sorted. */
  readonly pullRequests: readonly string[];
}

/** The requests that sessions have delivered to, and what came in about them: each delivery of a forge counts once. */
export class PullRequestRecords {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Notes a delivery; repeated, it is as the last one says. */
  async note({ url, sessionId, head, viewer, trigger, at }: NotedRequest): Promise<void> {
    const sql = `INSERT INTO pull_requests (url, session_id, head, viewer, cause, at) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT (url, session_id) DO UPDATE SET head = excluded.head, viewer = excluded.viewer`;
    await this.#db.run(sql, url, sessionId, head, viewer, trigger, at);
  }

  /** The deliveries to a request, newest first. */
  async ofUrl(url: string): Promise<NotedRequest[]> {
    const rows = await this.#db.all('SELECT * FROM pull_requests WHERE url = ? ORDER BY at DESC, session_id', url);
    return rows.map(toNoted);
  }

  /** The newest delivery of a commit; undefined when it is none of ours. */
  async ofHead(head: string): Promise<NotedRequest | undefined> {
    const row = await this.#db.get('SELECT * FROM pull_requests WHERE head = ? ORDER BY at DESC LIMIT 1', head);
    return row && toNoted(row);
  }

  /** What is kept of ended sessions for follow-ups, in the order of their ids; {@link Sessions.endedBefore} leaves these out. */
  async keptCredentials(): Promise<KeptCredentials[]> {
    const rows = await this.#db.all(`SELECT p.session_id, p.url, count(*) AS secrets FROM pull_requests p
      JOIN sessions ON sessions.id = p.session_id JOIN secrets s ON s.session_id = p.session_id
      WHERE sessions.state IN ('COMPLETE', 'FAILED') AND s.name <> 'webhook.secret'
      GROUP BY p.session_id, p.url ORDER BY p.session_id, p.url`);
    const bySession = Map.groupBy(rows, (row) => String(row['session_id']));
    return [...bySession].map(([sessionId, kept]) => ({
      sessionId,
      secrets: Number(kept[0]?.['secrets']),
      pullRequests: kept.map((row) => String(row['url'])),
    }));
  }

  /** What became of a delivery of a forge; undefined when it is new. */
  async outcomeOf(delivery: string): Promise<unknown> {
    const row = await this.#db.get('SELECT outcome_json FROM forge_deliveries WHERE id = ?', delivery);
    return row === undefined ? undefined : JSON.parse(String(row['outcome_json']));
  }

  /** Records what became of a delivery; the first record stays. */
  async settle(delivery: string, outcome: object, at: number): Promise<void> {
    const sql = 'INSERT INTO forge_deliveries (id, outcome_json, at) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING';
    await this.#db.run(sql, delivery, JSON.stringify(outcome), at);
  }

  /** How many deliveries of forges were settled before a time, in epoch milliseconds. */
  async settledBefore(at: number): Promise<number> {
    return Number((await this.#db.get('SELECT count(*) AS n FROM forge_deliveries WHERE at < ?', at))?.['n']);
  }

  /** Forgets the deliveries that were settled before a time, in epoch milliseconds: told once more, they count as new. */
  async forgetSettledBefore(at: number): Promise<void> {
    await this.#db.run('DELETE FROM forge_deliveries WHERE at < ?', at);
  }
}

function toNoted(row: Row): NotedRequest {
  return {
    url: String(row['url']),
    sessionId: String(row['session_id']),
    head: String(row['head']),
    viewer: row['viewer'] as string | null,
    trigger: row['cause'] as Trigger,
    at: Number(row['at']),
  };
}
