import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError } from '../domain/failure.ts';
import { migrations } from './migrations.ts';

/** A row as the database gives it: text, numbers, bytes or null. */
export type Row = Record<string, unknown>;

/** Runs statements; `?` stands for a parameter. The SQL is the subset that SQLite and Postgres share. */
export interface Queries {
  all(sql: string, ...parameters: SQLInputValue[]): Promise<Row[]>;
  get(sql: string, ...parameters: SQLInputValue[]): Promise<Row | undefined>;
  /** Answers how many rows changed. */
  run(sql: string, ...parameters: SQLInputValue[]): Promise<number>;
}

/** A database with transactions; a second implementation for Postgres has its place here. */
export interface Database extends Queries {
  /** Runs the work in one write transaction: all of it is durable when the promise resolves, or none of it ever. */
  transaction<T>(work: (queries: Queries) => Promise<T>): Promise<T>;
  close(): void;
}

/** How long another process may hold the lock when the file is opened; this waits in the thread. */
const OPEN_BUSY_MS = 5000;
/** Later on, a wait in the thread would stop the heartbeats of everything else in the process: it is short, and repeated. */
const STEP_BUSY_MS = 20;
const BUSY_MS = 10_000;
/** Result codes of SQLite (sqlite.org/rescode.html); the low byte is the primary one. */
const resultCodes = { busy: 5, corrupt: 11, notADatabase: 26 } as const;

/**
 * SQLite through `node:sqlite`: write-ahead log, `synchronous=FULL` (a commit survives loss of power), several processes at once.
 * Statements of one process are queued, so that nothing slips into somebody else's transaction.
 */
export class SqliteDatabase implements Database {
  readonly #db: DatabaseSync;
  readonly #busyMs: number;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(db: DatabaseSync, busyMs: number) {
    this.#db = db;
    this.#busyMs = busyMs;
  }

  /**
   * Opens (and creates or migrates) the database file.
   * @param busyMs how long another process may hold the lock before a statement fails.
   * @throws HoldfastError STORAGE_FAILED when the file cannot be used.
   */
  static open(file: string, busyMs: number = BUSY_MS): SqliteDatabase {
    try {
      mkdirSync(dirname(file), { recursive: true });
      const db = new DatabaseSync(file, { timeout: OPEN_BUSY_MS });
      db.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON');
      migrate(db);
      db.exec(`PRAGMA busy_timeout=${STEP_BUSY_MS}`);
      return new SqliteDatabase(db, busyMs);
    } catch (cause) {
      throw storageFailed(cause);
    }
  }

  all(sql: string, ...parameters: SQLInputValue[]): Promise<Row[]> {
    return this.#enqueue(async () => this.#direct.all(sql, ...parameters));
  }

  get(sql: string, ...parameters: SQLInputValue[]): Promise<Row | undefined> {
    return this.#enqueue(async () => this.#direct.get(sql, ...parameters));
  }

  run(sql: string, ...parameters: SQLInputValue[]): Promise<number> {
    return this.#enqueue(async () => this.#direct.run(sql, ...parameters));
  }

  transaction<T>(work: (queries: Queries) => Promise<T>): Promise<T> {
    return this.#enqueue(async () => {
      this.#rollBack(); // One that could not be rolled back when its disk failed.
      this.#db.exec('BEGIN IMMEDIATE');
      try {
        const result = await work(this.#direct);
        this.#db.exec('COMMIT');
        return result;
      } catch (error) {
        try {
          this.#rollBack();
        } catch {
          // What went wrong first is what counts; the next transaction tries again.
        }
        throw error;
      }
    });
  }

  close(): void {
    this.#db.close();
  }

  readonly #direct: Queries = {
    all: async (sql, ...parameters) => this.#db.prepare(sql).all(...parameters),
    get: async (sql, ...parameters) => this.#db.prepare(sql).get(...parameters),
    run: async (sql, ...parameters) => Number(this.#db.prepare(sql).run(...parameters).changes),
  };

  #rollBack(): void {
    if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue
      .then(() => whenFree(work, this.#busyMs))
      .catch((error: unknown) => {
        throw isSqliteError(error) ? storageFailed(error) : error;
      });
    this.#queue = result.catch(() => undefined);
    return result;
  }
}

/** Tries again while another process holds the lock: nothing of the work has happened then. */
async function whenFree<T>(work: () => Promise<T>, busyMs: number): Promise<T> {
  const end = performance.now() + busyMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (resultCodeOf(error) !== resultCodes.busy || performance.now() >= end) throw error;
      await sleep(STEP_BUSY_MS);
    }
  }
}

function migrate(db: DatabaseSync): void {
  db.exec('BEGIN IMMEDIATE');
  db.exec('CREATE TABLE IF NOT EXISTS migrations (version BIGINT PRIMARY KEY)');
  const row = db.prepare('SELECT coalesce(max(version), 0) AS version FROM migrations').get();
  for (const [index, sql] of migrations.entries()) {
    if (index < Number(row?.['version'])) continue;
    db.exec(sql);
    db.prepare('INSERT INTO migrations (version) VALUES (?)').run(index + 1);
  }
  db.exec('COMMIT');
}

function isSqliteError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_SQLITE_ERROR';
}

function resultCodeOf(error: unknown): number | null {
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : null;
}

function storageFailed(cause: unknown): HoldfastError {
  const code = resultCodeOf(cause);
  const isDamaged = code === resultCodes.corrupt || code === resultCodes.notADatabase;
  return new HoldfastError('STORAGE_FAILED', `The records store failed: ${String(cause)}`, {
    cause,
    ...(isDamaged && {
      remedy: 'The file of the records is damaged: stop Holdfast and put back a copy of records.db.',
    }),
  });
}
