import { execFile, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { Scenario, Turn } from '../support/scripted-model/scenario.ts';
import { until } from '../support/holdfast.ts';
import { runnerSetting, SESSION, type RunnerSetting } from './runner-setting.ts';

const run = promisify(execFile);
const echo = (line: string) => ({ name: 'bash', args: { command: `echo ${line} >> log.txt` } });
const TURNS = 4;

/** Three turns of commands, one of them with two; then the end. */
const scenario: Scenario = {
  turns: [
    { tools: [echo('1')] },
    { tools: [echo('2a'), echo('2b')] },
    { tools: [echo('3')] },
    { tools: [{ name: 'submit_result', args: { summary: 's' } }] },
  ] satisfies Turn[],
};

async function attempt({ root, snapshot }: RunnerSetting, moment: string): Promise<string> {
  const file = join(root, 'snapshot.json');
  writeFileSync(file, JSON.stringify(snapshot));
  const script = join(import.meta.dirname, 'chunk-process.ts');
  return run(process.execPath, [script, root, file, moment]).then(
    ({ stdout }) => stdout,
    (error: { signal: string }) => error.signal,
  );
}

/** Whatever happened before: the end is whole. */
async function expectWhole(setting: RunnerSetting, kills: number): Promise<void> {
  const end = JSON.parse(await attempt(setting, 'never')) as { outcome: string; turns: number; tree: string };
  expect(end).toMatchObject({ outcome: 'submitted', turns: TURNS });
  expect(await setting.file(end.tree, 'log.txt')).toBe('1\n2a\n2b\n3\n');
  const requests = setting.model.journal().filter(({ outcome }) => outcome === 'ok');
  expect(new Set(requests.map(({ turn }) => turn)).size).toBe(TURNS);
  expect(requests.length).toBeLessThanOrEqual(TURNS + kills);
  const byTurn = Map.groupBy(requests, ({ turn }) => turn);
  for (const same of byTurn.values()) expect(new Set(same.map(({ bodySha256 }) => bodySha256)).size).toBe(1);
  const entries = (await setting.store.journal.transcript(SESSION)) as { id: string; parentId: string | null }[];
  const [, ...chain] = entries;
  expect(chain.map(({ parentId }) => parentId)).toEqual([null, ...chain.slice(0, -1).map(({ id }) => id)]);
}

const moments = ['append', 'commit', 'tree'].flatMap((write) =>
  ['before', 'after'].flatMap((when) => [1, 2, 3].map((count) => `${when}-${write}-${count}`)),
);

test.each(moments)(
  'kill -9 %s: effects and transcript are there once, and no reply is bought twice but the one in flight',
  async (moment) => {
    const setting = await runnerSetting(scenario);
    expect(await attempt(setting, moment)).toBe('SIGKILL');
    await expectWhole(setting, 1);
  },
);

test('kill -9 while a reply is being awaited, and while a command runs, lose nothing', async () => {
  const slow = await runnerSetting({ ...scenario, ttftMs: 400 });
  const file = join(slow.root, 'snapshot.json');
  writeFileSync(file, JSON.stringify(slow.snapshot));
  const child = spawn(process.execPath, [join(import.meta.dirname, 'chunk-process.ts'), slow.root, file, 'never']);
  await until(async () => (await slow.store.journal.latest(SESSION))?.turn === 2);
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  await expectWhole(slow, 1);
});

test('one kill after the other, at every write, still ends whole', async () => {
  const setting = await runnerSetting(scenario);
  let kills = 0;
  for (const moment of [
    'after-append-1',
    'before-commit-1',
    'after-tree-1',
    'after-append-2',
    'after-commit-1',
    'before-append-3',
  ]) {
    if ((await attempt(setting, moment)) === 'SIGKILL') kills += 1;
  }
  expect(kills).toBeGreaterThan(3);
  await expectWhole(setting, kills);
});
