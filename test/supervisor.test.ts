import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createLogger } from '../src/logger.ts';
import { Supervisor } from '../src/supervisor.ts';
import { processStart } from '../src/temporal/process-identity.ts';
import { until } from './support/holdfast.ts';
import { readLines } from './support/read-lines.ts';
import { temporaryDirectory } from './support/temporary-directory.ts';

const HANG_MS = 2000;
const source = join(import.meta.dirname, '..', 'src');

/** A member that notes its pid and is ready; `then` is what it does afterwards. */
async function keep(then: string) {
  const directory = temporaryDirectory();
  const script = join(directory, 'member.mjs');
  const pidsFile = join(directory, 'pids');
  const lines = [
    `import { appendFileSync } from 'node:fs';`,
    `import { answerPings } from '${join(source, 'life-signs.ts')}';`,
    `answerPings();`,
    `appendFileSync('${pidsFile}', process.pid + '\\n');`,
    `process.send('ready');`,
    then,
  ];
  writeFileSync(script, lines.join('\n'));
  const logger = createLogger({ name: 'test', level: 'silent' });
  const supervisor = new Supervisor({ logger, pidFile: null, env: process.env, hangMs: HANG_MS });
  onTestFinished(() => supervisor.stop(1000));
  await supervisor.start({ name: 'member', script });
  return { supervisor, pids: () => readLines(pidsFile).map(Number) };
}

test('a member whose event loop is blocked is killed and started again', async () => {
  const { pids } = await keep('setTimeout(() => { for (;;); }, 10);');
  await until(() => pids().length > 1);
  expect(processStart(pids()[0] ?? 0)).toBe('gone');
});

test('a member that is stopped is killed and started again', async () => {
  const { pids } = await keep('');
  const [first = 0] = pids();
  process.kill(first, 'SIGSTOP');
  await until(() => pids().length > 1);
  expect(processStart(first)).toBe('gone');
});

test('a member that is slow to answer, or waits, is left alone', async () => {
  const blocks = `setInterval(() => { const end = performance.now() + ${HANG_MS / 2}; while (performance.now() < end); }, 100);`;
  const { pids } = await keep(blocks);
  await new Promise((resolve) => setTimeout(resolve, 3 * HANG_MS));
  expect(pids()).toHaveLength(1);
});

test('a stopped member does not hold the end of its supervisor', async () => {
  const { supervisor, pids } = await keep('');
  const [pid = 0] = pids();
  process.kill(pid, 'SIGSTOP');
  await supervisor.stop(200);
  expect(processStart(pid)).toBe('gone');
  expect(pids()).toHaveLength(1);
});
