import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LostFiles } from '../../src/activities/lost-files.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

test('what is lost is remembered until it is told, and a torn file keeps no attempt from starting', () => {
  const directory = temporaryDirectory();
  const lost = new LostFiles(directory);
  expect([lost.isKnown(), lost.list()]).toEqual([false, []]);
  lost.set(['dist/']);
  expect([lost.isKnown(), new LostFiles(directory).list()]).toEqual([true, ['dist/']]);
  lost.set([]);
  expect([lost.isKnown(), lost.list(), readdirSync(directory)]).toEqual([true, [], ['lost.json']]);
  for (const torn of ['', '["di']) {
    writeFileSync(join(directory, 'lost.json'), torn);
    expect([lost.isKnown(), lost.list()]).toEqual([false, []]);
  }
});
