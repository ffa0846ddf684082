import type { Database, Row } from './database.ts';

/** A webhook on its way. */
export interface Delivery {
  readonly eventId: string;
  readonly sessionId: string;
  readonly url: string;
  /** The exact body: every attempt sends the same bytes. */
  readonly body: string;
  readonly state: 'pending' | 'delivered' | 'dead';
  readonly attempts: number;
  readonly lastStatus: number | null;
  readonly lastError: string | null;
}

/** The table of webhook deliveries. */
export class DeliveryRecords {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Records a delivery; the one that is there for the event already stays as it is. */
  async add(delivery: Pick<Delivery, 'eventId' | 'sessionId' | 'url' | 'body'>, at: number): Promise<void> {
    const sql = `INSERT INTO deliveries (event_id, session_id, url, body, state, attempts, created_at, updated_at)
      VALUES (?, ?, ?, ?, 'pending', 0, ?, ?) ON CONFLICT (event_id) DO NOTHING`;
    await this.#db.run(sql, delivery.eventId, delivery.sessionId, delivery.url, delivery.body, at, at);
  }

  async find(eventId: string): Promise<Delivery | undefined> {
    const row = await this.#db.get('SELECT * FROM deliveries WHERE event_id = ?', eventId);
    return row && toDelivery(row);
  }

  async ofSession(sessionId: string): Promise<Delivery[]> {
    const sql = 'SELECT * FROM deliveries WHERE session_id = ? ORDER BY created_at, event_id';
    return (await this.#db.all(sql, sessionId)).map(toDelivery);
  }

  /** Ids of the events whose webhook is still on its way. */
  async pending(): Promise<string[]> {
    const rows = await this.#db.all("SELECT event_id FROM deliveries WHERE state = 'pending' ORDER BY created_at");
    return rows.map((row) => String(row['event_id']));
  }

  /** Records how one attempt ended. */
  async attempted(
    eventId: string,
    outcome: { readonly state: Delivery['state']; readonly status: number | null; readonly error: string | null },
    at: number,
  ): Promise<void> {
    const sql = `UPDATE deliveries SET state = ?, attempts = attempts + 1, last_status = ?, last_error = ?, updated_at = ?
      WHERE event_id = ?`;
    await this.#db.run(sql, outcome.state, outcome.status, outcome.error, at, eventId);
  }

  /** Gives a delivery up: it stays listed as dead. */
  async bury(eventId: string, at: number): Promise<void> {
    const sql = "UPDATE deliveries SET state = 'dead', updated_at = ? WHERE event_id = ? AND state = 'pending'";
    await this.#db.run(sql, at, eventId);
  }
}

function toDelivery(row: Row): Delivery {
  return {
    eventId: String(row['event_id']),
    sessionId: String(row['session_id']),
    url: String(row['url']),
    body: String(row['body']),
    state: row['state'] as Delivery['state'],
    attempts: Number(row['attempts']),
    lastStatus: row['last_status'] === null ? null : Number(row['last_status']),
    lastError: row['last_error'] as string | null,
  };
}
