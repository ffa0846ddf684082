import type { Database } from './database.ts';

/**
 * What activities gave, by deterministic keys: an attempt whose end was lost is found by the next one, which then does nothing again.
 * A key is made of what is done (`chunk/3`, `deliver/<tree>`), never of an attempt.
 */
export class OutcomeRecords {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /**
   * Answers what is on record under the key, or does the work and records it. What the work gives must be JSON. When two attempts did it
   * at once, both answer what the first of them recorded; work that throws leaves no record.
   */
  async once<T>(sessionId: string, key: string, work: () => Promise<T>): Promise<T> {
    const earlier = await this.#find<T>(sessionId, key);
    if (earlier !== null) return earlier.outcome;
    const outcome = await work();
    const sql =
      'INSERT INTO outcomes (session_id, key, outcome_json) VALUES (?, ?, ?) ON CONFLICT (session_id, key) DO NOTHING';
    await this.#db.run(sql, sessionId, key, JSON.stringify(outcome));
    return (await this.#find<T>(sessionId, key))?.outcome ?? outcome;
  }

  async #find<T>(sessionId: string, key: string): Promise<{ readonly outcome: T } | null> {
    const sql = 'SELECT outcome_json FROM outcomes WHERE session_id = ? AND key = ?';
    const row = await this.#db.get(sql, sessionId, key);
    return row === undefined ? null : { outcome: JSON.parse(String(row['outcome_json'])) as T };
  }
}
