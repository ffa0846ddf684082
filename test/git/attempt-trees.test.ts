import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { AttemptTrees, type Owner } from '../../src/git/attempt-trees.ts';
import { createSandbox } from '../../src/sandbox/create-sandbox.ts';
import { openDirectory } from '../support/open-directory.ts';
import { until } from '../support/holdfast.ts';

function setting() {
  const directory = join(openDirectory(), 'attempts');
  const sandbox = createSandbox({ mode: 'bwrap' });
  onTestFinished(() => sandbox.dispose());
  return { sandbox, directory, trees: new AttemptTrees(directory, sandbox) };
}

const owner = (name: string, gone: readonly string[] = []): Owner => ({
  name,
  isGone: (other) => gone.includes(other),
});

function leave(directory: string, text: string): void {
  mkdirSync(join(directory, 'tree'), { recursive: true });
  writeFileSync(join(directory, 'tree', 'file'), text);
}

function found(directory: string): string | null {
  const file = join(directory, 'tree', 'file');
  return existsSync(file) ? readFileSync(file, 'utf8') : null;
}

test('the files of a process that is gone, of this process, and of one that said that it is done are taken over', async () => {
  const { trees } = setting();
  const first = await trees.take(1, owner('a'));
  leave(first, 'from a');
  const second = await trees.take(2, owner('b', ['a']));
  expect([found(second), existsSync(first)]).toEqual(['from a', false]);
  const third = await trees.take(3, owner('b'));
  expect(found(third)).toBe('from a');
  await AttemptTrees.release(third);
  const fourth = await trees.take(4, owner('c'));
  expect([found(fourth), trees.newest()]).toEqual(['from a', fourth]);
});

test('the files of a process that may still live are left to it, and a newer attempt begins with an empty directory', async () => {
  const { directory, trees } = setting();
  const hung = await trees.take(1, owner('hung'));
  leave(hung, 'old');
  const newer = await trees.take(2, owner('b'));
  expect([found(newer), found(hung)]).toEqual([null, 'old']);
  leave(newer, 'new');
  // The hung one wakes up, says that it is done, and is cleared away by the next; torn owner files are trusted by nobody.
  await AttemptTrees.release(hung);
  const next = await trees.take(3, owner('b'));
  expect([found(next), existsSync(hung)]).toEqual(['new', false]);
  writeFileSync(join(directory, '3', 'owner'), '');
  mkdirSync(join(directory, '4'));
  expect(found(await trees.take(5, owner('b')))).toBe(null);
});

test('a directory in which a command still runs is not taken over, although its server is gone', async () => {
  const { sandbox, trees } = setting();
  const first = await trees.take(1, owner('dead'));
  leave(first, '');
  const workspace = join(first, 'tree');
  await sandbox.adopt(workspace);
  const command = 'touch started; while [ ! -e end ]; do sleep 0.05; echo late >> file; done';
  const running = sandbox.spawn(['/bin/bash', '-c', command], { workspace });
  await until(() => existsSync(join(workspace, 'started')));
  expect([sandbox.isInUse(workspace), sandbox.isInUse(join(workspace, 'other'))]).toEqual([true, false]);

  const second = await trees.take(2, owner('b', ['dead']));
  expect([found(second), existsSync(first)]).toEqual([null, true]);
  writeFileSync(join(workspace, 'end'), '');
  await running.result;
  expect(sandbox.isInUse(workspace)).toBe(false);
  await trees.take(3, owner('b', ['dead']));
  expect(existsSync(first)).toBe(false);
});

test('a command that is about to end with its server is waited for', async () => {
  const { sandbox, trees } = setting();
  const first = await trees.take(1, owner('dead'));
  leave(first, 'work');
  const workspace = join(first, 'tree');
  await sandbox.adopt(workspace);
  const running = sandbox.spawn(['/bin/bash', '-c', 'touch started; sleep 60'], { workspace });
  await until(() => existsSync(join(workspace, 'started')));
  const taking = trees.take(2, owner('b', ['dead']));
  running.kill();
  expect(found(await taking)).toBe('work');
});
