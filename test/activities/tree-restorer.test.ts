import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { HoldfastError } from '../../src/domain/failure.ts';
import { WorkTree } from '../../src/git/work-tree.ts';
import { until } from '../support/holdfast.ts';
import type { Turn } from '../support/scripted-model/scenario.ts';
import { ended, startAttempt } from './attempt-process.ts';
import { executionSetting, type ExecutionSetting } from './execution-setting.ts';
import { SESSION } from './runner-setting.ts';

/** The model may be asked while the files are still being written; nothing else may come before them. */

const bash = (command: string): Turn => ({ tools: [{ name: 'bash', args: { command } }] });
const submit: Turn = { tools: [{ name: 'submit_result', args: { summary: 'Done.' } }] };
const turns = [bash('cat README.md >> log; ls | wc -l >> log'), submit];
const LOG = '# sample\n2\n';

/** Holds the writing of files, until it is let go on, or fails. */
function heldRestore(): { readonly goOn: () => void; readonly fail: (error: unknown) => void } {
  const gate = Promise.withResolvers<void>();
  const held = vi.spyOn(WorkTree.prototype, 'restore').mockImplementation(async function (this: WorkTree, ...files) {
    await gate.promise;
    held.mockRestore();
    return this.restore(...files);
  });
  onTestFinished(() => held.mockRestore());
  return {
    goOn: gate.resolve,
    fail: (error) => {
      held.mockRestore();
      gate.reject(error);
    },
  };
}

/** A model that answers late until it is told to hurry. */
async function slowSetting(ttftMs: number) {
  let asked = false;
  const scripted = ({ turn }: { readonly turn: number }): Turn | undefined => {
    asked = true;
    return turns[turn];
  };
  const scenario = { turns: scripted, ttftMs };
  const setting = await executionSetting(scenario);
  return { setting, isAsked: () => asked, hurry: () => void (scenario.ttftMs = 0) };
}

type Records = Pick<ExecutionSetting, 'store'>;

async function roles({ store }: Records): Promise<(string | undefined)[]> {
  const entries = (await store.journal.transcript(SESSION)) as { message?: { role: string } }[];
  return entries.flatMap(({ message }) => (message === undefined ? [] : [message.role]));
}

const untilReplied = (setting: Records) => until(async () => (await roles(setting)).includes('assistant'));

async function expectWhole(setting: ExecutionSetting, asked: readonly number[]): Promise<void> {
  const end = await setting.chunk(0);
  expect(end).toMatchObject({ outcome: 'submitted', turns: 2 });
  expect((await setting.git.open(SESSION).readFile(end.tree, 'log', 1000))?.toString()).toBe(LOG);
  expect(setting.model.journal().map(({ turn }) => turn)).toEqual(asked);
}

test('the first reply is asked for and recorded while the files are being written; its tools wait for them', async () => {
  const { goOn } = heldRestore();
  const setting = await executionSetting({ turns });
  const running = expectWhole(setting, [0, 1]);
  await untilReplied(setting);
  expect(existsSync(setting.git.open(SESSION).workspace().spec.workspace)).toBe(false);
  expect((await roles(setting)).slice(-2)).toEqual(['user', 'assistant']);
  goOn();
  await running;
});

test('a turn that needs no file is not committed before they are there', async () => {
  const { goOn } = heldRestore();
  const setting = await executionSetting({ turns: [submit] });
  const running = setting.chunk(0);
  await untilReplied(setting);
  expect(await roles(setting)).not.toContain('toolResult');
  expect(await setting.store.journal.latest(SESSION)).toBeNull();
  goOn();
  expect(await running).toMatchObject({ outcome: 'submitted', turns: 1 });
});

test.each<[string, number, readonly number[]]>([
  ['while the reply is on its way', 2000, [0, 0, 1]],
  ['when the reply is recorded, which is not bought again', 0, [0, 1]],
])('files that cannot be written fail the attempt as that failure, %s; no turn is taken', async (_, ttftMs, asked) => {
  const { fail } = heldRestore();
  const { setting, isAsked, hurry } = await slowSetting(ttftMs);
  const running = setting.chunk(0).catch((error: unknown) => error);
  await (ttftMs > 0 ? until(isAsked) : untilReplied(setting));
  fail(new HoldfastError('STORAGE_FAILED', 'no space'));
  expect(await running).toMatchObject({ code: 'STORAGE_FAILED', message: 'no space', details: { turns: 0 } });
  expect(await roles(setting)).not.toContain('toolResult');
  expect(await setting.store.journal.latest(SESSION)).toBeNull();
  hurry();
  await expectWhole(setting, asked);
});

test('an abort while the files are being written breaks the request off, and ends as that abort once nobody writes any more', async () => {
  const { goOn } = heldRestore();
  const { setting, isAsked } = await slowSetting(5000);
  const controller = new AbortController();
  let isOver = false;
  const running = setting.chunk(0, {}, controller.signal).catch((error: unknown) => error);
  void running.then(() => (isOver = true));
  await until(isAsked);
  const reason = new Error('enough');
  controller.abort(reason);
  await until(() => setting.model.journal()[0]?.outcome === 'client_closed');
  expect(isOver).toBe(false);
  goOn();
  expect(await running).toBe(reason);
  const attempt = join(setting.git.open(SESSION).workspace().spec.workspace, '..');
  expect(readFileSync(join(attempt, 'owner'), 'utf8')).toBe('');
  const commands = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && argumentsOf(pid).includes(attempt));
  expect(commands).toEqual([]);
});

function argumentsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // It has just ended.
  }
}

const many = Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`many/${index}.txt`, `${index}\n`]));

test('kill -9 while the files are being written, whether or not the reply is there: the next attempt has them all', async () => {
  const setting = await executionSetting({ turns }, { files: { 'README.md': '# sample\n', ...many } });
  const child = startAttempt(setting, 'never');
  const written = () => existsSync(join(setting.git.open(SESSION).workspace().spec.workspace, 'many', '0.txt'));
  await until(written);
  child.kill('SIGKILL');
  expect(await ended(child)).toBe('SIGKILL');
  const end = await setting.chunk(0);
  expect(end).toMatchObject({ outcome: 'submitted', turns: 2 });
  expect((await setting.git.open(SESSION).readFile(end.tree, 'log', 1000))?.toString()).toBe('# sample\n3\n');
  expect(await setting.git.open(SESSION).changes(setting.snapshot.base.tree, end.tree)).toHaveLength(1);
  const asked = setting.model.journal().map(({ turn }) => turn);
  expect(asked.filter((turn) => turn === 1)).toHaveLength(1);
  expect(asked.filter((turn) => turn === 0).length).toBeLessThanOrEqual(2);
});

test('kill -9 when the reply is recorded and no file is there: it is not bought again, and its tools find the files', async () => {
  const setting = await executionSetting({ turns });
  const child = startAttempt(setting, 'no-files');
  await untilReplied(setting);
  child.kill('SIGKILL');
  expect(await ended(child)).toBe('SIGKILL');
  await expectWhole(setting, [0, 1]);
});
