import { join } from 'node:path';
import { rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Report } from '../../src/activities/report.ts';
import { taskPromptFor } from '../../src/agent/task-prompt.ts';
import type { GitHttpServer } from '../../src/demo/git-http-server.ts';
import type { Source } from '../../src/domain/task.ts';
import { sha256, startLfsServer, type LfsTestServer } from '../support/lfs-server.ts';
import { behind, commitFiles } from '../support/plant-repository.ts';
import type { Turn } from '../support/scripted-model/scenario.ts';
import { executionSetting, type ExecutionSetting } from './execution-setting.ts';
import { SESSION } from './runner-setting.ts';

/** Whole sessions on a repository with files of Git LFS, from the first turn to the branch. */

const bash = (command: string): Turn => ({ tools: [{ name: 'bash', args: { command } }] });
const submit: Turn = { tools: [{ name: 'submit_result', args: { summary: 'Done.' } }] };
const never = new AbortController().signal;

async function begin(turns: readonly Turn[], acceptance: string[] = []) {
  let lfs: LfsTestServer | undefined;
  const plant = async (server: GitHttpServer): Promise<Source> => {
    lfs = await startLfsServer({ user: 'git', token: 'token', behind: server.url });
    commitFiles(server.pathOf('app'), {
      '.gitattributes': '*.bin filter=lfs\n',
      'a.bin': lfs.put('content'),
      'same.bin': lfs.put('stays'),
    });
    return { kind: 'repository', url: `${lfs.url}/app.git`, lfs: true };
  };
  const setting = await executionSetting(
    { turns: [...turns] },
    { plant, maxTurns: 1, testStrategy: 'full', acceptance },
  );
  if (lfs === undefined) throw new Error('nothing was planted');
  return { ...setting, lfs };
}

async function settle({ execution, frozen }: ExecutionSetting, tree: string) {
  const result = { sessionId: SESSION, digest: frozen.digest, tree };
  const { accepted, verified } = await execution.verify({ ...result, iteration: 0 }, never);
  return { accepted, deliver: () => execution.deliver({ ...result, verified }, never) };
}

test('agent and checks have the contents, another worker fetches them again, and the branch has pointers whose contents are there', async () => {
  const setting = await begin(
    [bash('cat a.bin > copy.txt'), bash('printf changed > a.bin'), submit],
    ['[ "$(cat copy.txt a.bin same.bin)" = contentchangedstays ]'],
  );
  const { execution, lfs, server, snapshot, store } = setting;
  await setting.chunk(0);
  rmSync(join(setting.root, 'work'), { recursive: true });
  const next = setting.takeOver();
  await next(1);
  const { tree } = await next(2);
  const { accepted, deliver } = await settle(setting, tree);
  expect(accepted).toBe(true);
  const delivered = await deliver();
  const there = behind(server.pathOf('app'));
  expect(there(['diff', '--name-only', 'main', snapshot.branch]).split('\n')).toEqual(['a.bin', 'copy.txt']);
  expect(there(['show', `${snapshot.branch}:a.bin`])).toContain(sha256('changed'));
  expect(lfs.contents.get(sha256('changed'))?.toString()).toBe('changed');
  expect(taskPromptFor(snapshot)).toContain('<lfs>');
  await execution.conclude(SESSION, { phase: 'COMPLETE', frozen: setting.frozen, delivered }, never);
  const report = JSON.parse((await store.artifacts.read(SESSION, 'report.json')).bytes.toString()) as Report;
  expect(report.changes.map(({ path }) => path)).toEqual(['a.bin', 'copy.txt']);
});

test('a session that changed nothing delivers nothing, though its tree is not that of its commit', async () => {
  const setting = await begin([submit]);
  const { tree } = await setting.chunk(0);
  const { deliver } = await settle(setting, tree);
  await expect(deliver()).rejects.toMatchObject({ code: 'NO_CHANGES' });
});

test('where Git LFS does not take a content nothing is pushed, and the delivery is done when it does', async () => {
  const setting = await begin([bash('printf new > new.bin'), submit]);
  const { lfs, server, snapshot } = setting;
  await setting.chunk(0);
  const { tree } = await setting.chunk(1);
  const { deliver } = await settle(setting, tree);
  lfs.faults = { status: (what) => (what === 'upload' ? 503 : undefined) };
  await expect(deliver()).rejects.toMatchObject({ code: 'LFS_FAILED', retryable: true });
  const branches = (): string => behind(server.pathOf('app'))(['branch', '--list', snapshot.branch]);
  expect(branches()).toBe('');
  lfs.faults = {};
  await deliver();
  expect(branches()).not.toBe('');
  expect(lfs.contents.has(sha256('new'))).toBe(true);
});
