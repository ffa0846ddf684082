import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { SqliteDatabase } from '../../src/store/database.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** A database and, on the same file, somebody else who holds its lock until told. */
function locked(busyMs: number) {
  const file = join(temporaryDirectory(), 'records.db');
  const db = SqliteDatabase.open(file, busyMs);
  const other = new DatabaseSync(file);
  other.exec('BEGIN IMMEDIATE');
  onTestFinished(() => {
    db.close();
    other.close();
  });
  return { db, release: () => other.exec('COMMIT') };
}

const write = 'UPDATE checks SET at = at + 1';
const written = async (db: SqliteDatabase) => Number((await db.get('SELECT at FROM checks'))?.['at']);

test('writes wait for a lock without holding up the process, and are done once when it is released', async () => {
  const { db, release } = locked(10_000);
  let ticks = 0;
  const timer = setInterval(() => (ticks += 1), 5);
  const writes = Promise.all([db.run(write), db.transaction((queries) => queries.run(write))]);
  await new Promise((resolve) => setTimeout(resolve, 500));
  clearInterval(timer);
  release();
  await writes;
  expect(await written(db)).toBe(2);
  expect(ticks).toBeGreaterThan(5);
});

test('a lock that is never released is a failure of the store, after which it works again', async () => {
  const { db, release } = locked(200);
  const failure = { code: 'STORAGE_FAILED', message: expect.stringContaining('locked') };
  await expect(db.run(write)).rejects.toMatchObject(failure);
  await expect(db.transaction((queries) => queries.run(write))).rejects.toMatchObject(failure);
  expect(await written(db)).toBe(0);
  release();
  await db.transaction((queries) => queries.run(write));
  expect(await written(db)).toBe(1);
});

test('a damaged file is told apart, with what to do about it', () => {
  const file = join(temporaryDirectory(), 'records.db');
  writeFileSync(file, 'no database '.repeat(1000));
  const open = () => SqliteDatabase.open(file);
  expect(open).toThrow(
    expect.objectContaining({ code: 'STORAGE_FAILED', remedy: expect.stringContaining('copy of records.db') }),
  );
});
