import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');

/** Where the wall clock is reckoned with on purpose, and why a jump of it does no harm there. */
const allowed = new Map([
  ['src/api/session-manager.ts', 'gRPC takes its deadlines as points in time and turns them into durations at once'],
  ['src/temporal/connection.ts', 'the same'],
  ['src/temporal/embedded-namespace.ts', 'the same'],
  [
    'src/activities/report-writer.ts',
    'when a session ended, for people: days and hosts after it began; nothing is decided by it',
  ],
  ['src/workflows/preflight.ts', 'the clock of Temporal, by which its timers run'],
  [
    'src/reaper.ts',
    'how long an ended session is kept, as its end was recorded: a jump removes it sooner or later, never a live one',
  ],
  ['src/worker.ts', 'how far back ended sessions are looked through; who is missed is found by the heartbeat timeout'],
]);

test('durations are measured by the monotonic clock: only these places reckon with the wall clock', () => {
  const reckons = /Date\.now\(\)\s*[-+<>]|[-+<>]\s*Date\.now\(\)/;
  const files = globSync('src/**/*.ts', { cwd: root }).filter((file) =>
    reckons.test(readFileSync(join(root, file), 'utf8')),
  );
  expect(files.toSorted()).toEqual([...allowed.keys()].toSorted());
});
