import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createSandbox } from '../src/sandbox/create-sandbox.ts';
import { ms, print, title } from './figure.ts';
import { openBenchSession, type BenchSession } from './holdfast-run.ts';
import { inDirectory } from './in-directory.ts';

const TURNS = 1000;
const CHUNK = 20;
const RESTORE_AT = 500;

/** A session of a thousand turns: what a turn costs at the beginning and at the end, what it leaves, how fast another worker restores it. */
export async function benchLongLife(modelUrl: string): Promise<void> {
  const sandbox = createSandbox({ mode: 'bwrap' });
  await inDirectory(async (directory) => {
    const session = await openBenchSession({ sandbox, directory, modelUrl, scenario: 'endless', files: 100 });
    title(`A session of ${TURNS} turns in chunks of ${CHUNK}, model latency 0 ms`);
    const run = session.worker('one');
    const perTurn: number[] = [];
    for (let turns = 0; turns < TURNS; turns += CHUNK) {
      if (turns === RESTORE_AT) await benchRestore(session);
      const started = performance.now();
      await run(CHUNK);
      perTurn.push((performance.now() - started) / CHUNK);
    }
    report(perTurn);
    print('transcript entries', String((await session.store.journal.transcript(session.snapshot.sessionId)).length));
    print('packs that a restore reads', String((await session.store.journal.packs(session.snapshot.sessionId)).length));
    print('records and blobs', `${(sizeOf(join(directory, 'store')) / 2 ** 20).toFixed(1)} MB`);
    session.store.close();
  });
  sandbox.dispose();
}

/** The first and the last hundred turns, and the slope of the line of least squares through all. */
function report(perTurn: readonly number[]): void {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const hundred = 100 / CHUNK;
  print(
    'per turn, the first 100 and the last 100',
    `${ms(mean(perTurn.slice(0, hundred)))}, ${ms(mean(perTurn.slice(-hundred)))}`,
  );
  const middle = (perTurn.length - 1) / 2;
  const average = mean(perTurn);
  const rise = perTurn.reduce((sum, value, index) => sum + (index - middle) * (value - average), 0);
  const run = perTurn.reduce((sum, _, index) => sum + (index - middle) ** 2, 0);
  print('slope', `${((rise / run / CHUNK) * 1000).toFixed(2)} µs more per turn with each turn`);
}

async function benchRestore(session: BenchSession): Promise<void> {
  const started = performance.now();
  await session.worker('two')(1);
  print(
    `another worker restores after ${RESTORE_AT} turns and takes one (target ≤ 3 s)`,
    ms(performance.now() - started),
  );
}

function sizeOf(directory: string): number {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' });
  return names.reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
}
