import { existsSync, globSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Announcer } from '../../src/activities/announcer.ts';
import type { Report } from '../../src/activities/report.ts';
import { HoldfastError } from '../../src/domain/failure.ts';
import { until } from '../support/holdfast.ts';
import type { Scenario, Turn } from '../support/scripted-model/scenario.ts';
import { executionSetting, type ExecutionSetting } from './execution-setting.ts';
import { SESSION } from './runner-setting.ts';

/** What lies in a worker's directory is a cache: whatever becomes of it, the session ends with the files it would have had. */

const bash = (command: string): Turn => ({ tools: [{ name: 'bash', args: { command } }] });
const submit: Turn = { tools: [{ name: 'submit_result', args: { summary: 'Done.' } }] };
const files = { 'README.md': '# sample\n', 'src/a.txt': 'a\n'.repeat(500), '.gitignore': 'ignored/\n' };

const turns: readonly Turn[] = [
  bash('echo 1 >> log; head -c 20000 /dev/urandom | base64 > big'),
  { tools: [{ name: 'read', args: { path: 'README.md' } }] },
  bash('touch ignored-not running; sleep 0.7; cat src/a.txt | wc -l >> log; rm running'),
  bash('ls >> log'),
  submit,
];
const LOG = '1\n500\nREADME.md\nbig\nignored-not\nlog\nsrc\n';

const directoryOf = ({ root }: ExecutionSetting) => join(root, 'work', SESSION);
const packsOf = (directory: string) =>
  globSync('objects/{pack/*.pack,??/*}', { cwd: directory }).map((name) => join(directory, name));

/** Runs the session to its end, chunk by chunk, and checks that it is whole; nothing of the damage was told to the model. */
async function expectWhole({ chunk, git, model, store }: ExecutionSetting, from = 0): Promise<void> {
  let end = await chunk(from);
  for (let ordinal = from + 1; end.outcome === 'more'; ordinal += 1) end = await chunk(ordinal);
  expect(end).toMatchObject({ outcome: 'submitted', turns: turns.length });
  expect((await git.open(SESSION).readFile(end.tree, 'log', 1000))?.toString()).toBe(LOG);
  expect((await git.open(SESSION).readFile(end.tree, 'src/a.txt', 10_000))?.toString()).toBe(files['src/a.txt']);
  const transcript = JSON.stringify(await store.journal.transcript(SESSION));
  expect(transcript).not.toMatch(/bubblewrap|No such file|could not start/);
  expect(model.journal().length).toBeLessThanOrEqual(turns.length + 1);
}

/** As somebody does it by hand, while others write there. */
const remove = (directory: string): void =>
  rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });

const scenario: Scenario = { turns, ttftMs: 200 };

test.each([0, 1, 2])('the whole directory goes while the model thinks after turn %i', async (after) => {
  const setting = await executionSetting(scenario, { files });
  const running = expectWhole(setting);
  await until(async () => ((await setting.store.journal.latest(SESSION))?.turn ?? 0) === after + 1);
  remove(directoryOf(setting));
  await running;
});

test('the whole directory goes while a command runs', async () => {
  const setting = await executionSetting(scenario, { files });
  const running = expectWhole(setting);
  await until(() => existsSync(join(setting.git.open(SESSION).workspace().spec.workspace, 'running')));
  remove(directoryOf(setting));
  await running;
});

test.each<[string, (setting: ExecutionSetting) => void]>([
  ['the work tree is gone', ({ git }) => rmSync(git.open(SESSION).workspace().spec.workspace, { recursive: true })],
  ['the git directory is gone', ({ git }) => rmSync(git.open(SESSION).gitDir, { recursive: true })],
  ['its objects are gone', ({ git }) => packsOf(git.open(SESSION).gitDir).forEach((file) => rmSync(file))],
  ['its objects are cut short', ({ git }) => packsOf(git.open(SESSION).gitDir).forEach(halve)],
  [
    'its objects are cut short and there is no work tree',
    (setting) => {
      packsOf(setting.git.open(SESSION).gitDir).forEach(halve);
      rmSync(setting.git.open(SESSION).workspace().spec.workspace, { recursive: true });
    },
  ],
  ['the objects of the mirror are gone', (setting) => damageMirror(setting, (file) => rmSync(file))],
  ['the objects of the mirror are cut short', (setting) => damageMirror(setting, halve)],
  [
    'the mirror is no repository any more',
    ({ root }) => globSync('work/mirrors/*/HEAD', { cwd: root }).forEach((head) => rmSync(join(root, head))),
  ],
])('between two chunks %s', async (_, damage) => {
  const setting = await executionSetting(scenario, { files, maxTurns: 2 });
  await setting.chunk(0);
  damage(setting);
  await expectWhole(setting, 1);
});

test('a marker that lies is not believed by a worker that has not written it: the files are what the checkpoint says', async () => {
  const setting = await executionSetting(scenario, { files, maxTurns: 2 });
  await setting.chunk(0);
  writeFileSync(join(setting.git.open(SESSION).workspace().spec.workspace, 'log'), 'something else\n');
  await expectWhole({ ...setting, chunk: setting.takeOver() }, 1);
});

test('where nothing can be built anew any more, the end is told all the same, without the changes', async () => {
  const setting = await executionSetting(scenario, { files, maxTurns: 2 });
  const { execution, git, server, store } = setting;
  await setting.chunk(0);
  damageMirror(setting, (file) => rmSync(file));
  await server.close();
  const { message, remedy } = new HoldfastError('ABORTED', 'enough');
  const failure = { code: 'ABORTED', message, remedy, class: 'input', retryable: false } as const;
  const announcement = { sessionId: SESSION, rev: 1, state: 'FAILED', stage: 'failed', at: 1, pause: null } as const;
  await new Announcer(store, git).announce({ ...announcement, missing: [], failure });
  expect((await store.events.list(SESSION)).at(-1)?.data['changes']).toEqual([]);
  await execution.conclude(SESSION, { phase: 'FAILED', failure, from: 'EXECUTING' }, new AbortController().signal);
  const report = JSON.parse((await store.artifacts.read(SESSION, 'report.json')).bytes.toString()) as Report;
  expect(report).toMatchObject({ outcome: 'FAILED', changes: [] });
  expect((await store.artifacts.read(SESSION, 'transcript.jsonl')).bytes.length).toBeGreaterThan(1000);
});

function halve(file: string): void {
  truncateSync(file, Math.floor(statSync(file).size / 2));
}

/** Also without the work tree: else nobody would look at the mirror. */
function damageMirror({ git, root }: ExecutionSetting, damage: (file: string) => void): void {
  rmSync(git.open(SESSION).workspace().spec.workspace, { recursive: true });
  for (const mirror of globSync('work/mirrors/*.git', { cwd: root })) packsOf(join(root, mirror)).forEach(damage);
}
