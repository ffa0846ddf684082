import type { Database } from './database.ts';

/** A worker and how often its heart has beaten. */
export interface Pulse {
  readonly worker: string;
  readonly beats: number;
}

/**
 * The heartbeats of workers: counters without any clock. Whoever watches judges by its own clock how long a counter has stood still,
 * so that clocks which differ or jump mislead nobody.
 */
export class PulseRecords {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** One more beat of a worker. */
  async beat(worker: string): Promise<void> {
    const sql = `INSERT INTO pulses (worker, beats) VALUES (?, 1) ON CONFLICT (worker) DO UPDATE SET beats = pulses.beats + 1`;
    await this.#db.run(sql, worker);
  }

  /** The workers that have not taken their leave. */
  async list(): Promise<Pulse[]> {
    const rows = await this.#db.all('SELECT worker, beats FROM pulses ORDER BY worker');
    return rows.map((row) => ({ worker: String(row['worker']), beats: Number(row['beats']) }));
  }

  /** Strikes a worker off: it has stopped, or it is dead and what it held has been handed back. */
  async remove(worker: string): Promise<void> {
    await this.#db.run('DELETE FROM pulses WHERE worker = ?', worker);
  }
}
