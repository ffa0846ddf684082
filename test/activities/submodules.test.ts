import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Report } from '../../src/activities/report.ts';
import { taskPromptFor } from '../../src/agent/task-prompt.ts';
import type { GitHttpServer } from '../../src/demo/git-http-server.ts';
import type { Source } from '../../src/domain/task.ts';
import { behind, commitFiles, linkModules } from '../support/plant-repository.ts';
import type { Turn } from '../support/scripted-model/scenario.ts';
import { executionSetting, type ExecutionSetting } from './execution-setting.ts';
import { SESSION } from './runner-setting.ts';

/** Whole sessions on a repository with a submodule, from the first turn to the branch. */

const bash = (command: string): Turn => ({ tools: [{ name: 'bash', args: { command } }] });
const submit: Turn = { tools: [{ name: 'submit_result', args: { summary: 'Done.' } }] };
const never = new AbortController().signal;

async function plant(server: GitHttpServer, url: string): Promise<Source> {
  await server.createRepository('lib', { 'lib.sh': 'echo from lib\n' });
  const commit = behind(server.pathOf('lib'))(['rev-parse', 'main']);
  linkModules(server.pathOf('app'), { 'vendor/lib': { url: '../lib.git', commit } });
  return { kind: 'repository', url, submodules: true };
}

const linkOf = ({ server }: ExecutionSetting, treeish: string): string =>
  behind(server.pathOf('app'))(['ls-tree', treeish, 'vendor/lib']);

async function deliver(setting: ExecutionSetting, tree: string) {
  const result = { sessionId: SESSION, digest: setting.frozen.digest, tree };
  const verification = await setting.execution.verify({ ...result, iteration: 0 }, never);
  return {
    verification,
    deliver: () => setting.execution.deliver({ ...result, verified: verification.verified }, never),
  };
}

test('agent and checks have the files of a submodule, what is changed in it is put back before them, and the branch has its link', async () => {
  const setting = await executionSetting(
    { turns: [bash('sh vendor/lib/lib.sh > out.txt; echo echo changed > vendor/lib/lib.sh'), submit] },
    {
      plant,
      testStrategy: 'full',
      acceptance: ['[ "$(cat out.txt)" = "from lib" ] && [ "$(sh vendor/lib/lib.sh)" = "from lib" ]'],
    },
  );
  const { git, snapshot } = setting;
  const { tree } = await setting.chunk(0);
  const { verification, deliver: send } = await deliver(setting, tree);
  expect(verification).toMatchObject({ accepted: true, verified: true });
  const delivered = await send();
  const there = behind(setting.server.pathOf('app'));
  expect(there(['rev-parse', snapshot.branch])).toBe(delivered.commit);
  expect(linkOf(setting, snapshot.branch)).toBe(linkOf(setting, 'main'));
  expect(there(['diff', '--name-only', 'main', snapshot.branch])).toBe('out.txt');
  expect((await git.open(SESSION).changes(snapshot.base.tree, delivered.tree)).map(({ path }) => path)).toEqual([
    'out.txt',
  ]);
  await setting.execution.conclude(SESSION, { phase: 'COMPLETE', frozen: setting.frozen, delivered }, never);
  const report = JSON.parse((await setting.store.artifacts.read(SESSION, 'report.json')).bytes.toString()) as Report;
  expect(report.skipped.join()).toContain('vendor/lib/lib.sh');
  expect(report.changes.map(({ path }) => path)).toEqual(['out.txt']);
  expect(report.verified).toBe(true);
  expect(report.reproduce.join()).toContain('git submodule update --init --recursive');
  const patch = (await setting.store.artifacts.read(SESSION, 'diff.patch')).bytes.toString();
  expect(patch).not.toContain('vendor/lib');
});

test('an agent whose work needs what it changed in a submodule is told that it was put back, and nothing is delivered', async () => {
  const setting = await executionSetting(
    { turns: [bash('echo echo changed > vendor/lib/lib.sh'), submit] },
    { plant, testStrategy: 'full', acceptance: ['sh vendor/lib/lib.sh | grep changed'] },
  );
  const { tree } = await setting.chunk(0);
  const { verification, deliver: send } = await deliver(setting, tree);
  expect(verification.accepted).toBe(false);
  const evidence = (await setting.store.blobs.get(verification.evidence ?? '')).toString();
  expect(evidence).toContain('were put back as they were: vendor/lib/lib.sh');
  await expect(send()).rejects.toMatchObject({ code: 'NO_CHANGES' });
});

test('another worker that has nothing goes on with the submodule at its commit, and the agent is told that it is an input', async () => {
  const setting = await executionSetting(
    { turns: [bash('echo 1 >> log'), bash('sh vendor/lib/lib.sh >> log'), submit] },
    { plant, maxTurns: 1 },
  );
  const first = await setting.chunk(0);
  commitFiles(setting.server.pathOf('lib'), { 'lib.sh': 'echo moved on\n' });
  rmSync(join(setting.root, 'work'), { recursive: true });
  const next = setting.takeOver();
  await next(1, { reached: first });
  const { tree } = await next(2);
  expect((await setting.git.open(SESSION).readFile(tree, 'log', 100))?.toString()).toBe('1\nfrom lib\n');
  expect(taskPromptFor(setting.snapshot)).toMatch(/<submodules>.*- vendor\/lib\n<\/submodules>/s);
});
