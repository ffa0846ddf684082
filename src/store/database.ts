import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
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

/**
 * SQLite through `node:sqlite`: write-ahead log, `synchronous=FULL` (a commit survives loss of power), several processes at once.
 * Statements of one process are queued, so that nothing slips into somebody else's transaction.
 */
export class SqliteDatabase implements Database {
  readonly #db: DatabaseSync;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /**
   * Opens (and creates or migrates) the database file.
   * @throws HoldfastError STORAGE_FAILED when the file cannot be used.
   */
  static open(file: string): SqliteDatabase {
    try {
      mkdirSync(dirname(file), { recursive: true });
      const db = new DatabaseSync(file, { timeout: 5000 });
      db.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON');
      migrate(db);
      return new SqliteDatabase(db);
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
      this.#db.exec('BEGIN IMMEDIATE');
      try {
        const result = await work(this.#direct);
        this.#db.exec('COMMIT');
        return result;
      } catch (error) {
        if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
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

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(work).catch((error: unknown) => {
      throw isSqliteError(error) ? storageFailed(error) : error;
    });
    this.#queue = result.catch(() => undefined);
    return result;
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

function storageFailed(cause: unknown): HoldfastError {
  return new HoldfastError('STORAGE_FAILED', `The records store failed: ${String(cause)}`, { cause });
}
