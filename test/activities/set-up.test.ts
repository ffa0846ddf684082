import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { SetUp } from '../../src/activities/set-up.ts';
import { systemPromptFor } from '../../src/agent/system-prompt.ts';
import { GitManager } from '../../src/git/git-manager.ts';
import { createSandbox } from '../../src/sandbox/create-sandbox.ts';
import { openStore } from '../../src/store/store.ts';
import { openDirectory } from '../support/open-directory.ts';
import { sampleSession } from '../support/sample-task.ts';
import { runnerSetting } from './runner-setting.ts';
import { verifierSetting } from './verifier-setting.ts';

const SESSION = 'ses_setup';
const never = new AbortController().signal;

async function setting() {
  const root = openDirectory();
  const project = openDirectory();
  writeFileSync(join(project, '.gitignore'), 'made/\n');
  writeFileSync(join(project, 'a.txt'), 'a\n');
  const sandbox = createSandbox({ mode: 'bwrap' });
  const store = openStore({ directory: join(root, 'store') });
  onTestFinished(() => {
    store.close();
    sandbox.dispose();
  });
  await store.sessions.create(sampleSession(SESSION));
  const git = new GitManager({ sandbox, directory: join(root, 'work') });
  const base = await git.prepare(SESSION, { kind: 'directory', path: project });
  const setUp = new SetUp({ store, git, sandbox, egress: { privateNetworks: [] } });
  const workTreeOf = async (name: string) => {
    const workTree = git.open(SESSION).workspace(name);
    await workTree.restore(base.tree);
    return workTree;
  };
  const run = async (name: string, commands: readonly string[]) => {
    const workTree = await workTreeOf(name);
    const files = { tree: base.tree, kept: null };
    const failed = await setUp.run({
      sessionId: SESSION,
      commands,
      network: 'none',
      limits: {},
      workTree,
      files,
      name,
      signal: never,
    });
    return { failed, workTree, left: readdirSync(workTree.spec.workspace).toSorted() };
  };
  const logs = async () => (await store.artifacts.list(SESSION)).map(({ name }) => name);
  const log = async (name: string) => (await store.artifacts.read(SESSION, name)).bytes.toString();
  return { run, logs, log, base, git };
}

test('only what git ignores stays of a set-up, its output is kept, and a work tree has it once', async () => {
  const { run, logs, log, base } = await setting();
  const commands = [
    'echo hello; mkdir -p made; echo x >> made/x; echo changed > a.txt; echo new > b.txt',
    'cat made/x',
  ];
  const { failed, left, workTree } = await run('one', commands);
  expect(failed).toBeNull();
  expect(left).toEqual(['.gitignore', 'a.txt', 'made']);
  expect(await workTree.snapshot(base.tree)).toBe(base.tree);
  await run('one', commands);
  expect(await logs()).toEqual(['setup/one-1.log', 'setup/one-2.log']);
  expect(await log('setup/one-2.log')).toBe('x\n');
});

test('what a set-up downloads is there for the next one of the session, in another work tree, and for no other command', async () => {
  const { run, git } = await setting();
  await run('one', ['echo cached > $XDG_CACHE_HOME/file; mkdir -p $npm_config_cache $PIP_CACHE_DIR']);
  const { failed, workTree } = await run('two', ['mkdir -p made; cp $XDG_CACHE_HOME/file made/']);
  expect(failed).toBeNull();
  expect(readdirSync(join(workTree.spec.workspace, 'made'))).toEqual(['file']);
  expect(workTree.spec.readWrite ?? []).not.toContain(await git.open(SESSION).makeCache());
});

test('a set-up that fails is tried once more, ends with the log of its last words, and is not taken for done', async () => {
  const { run, logs } = await setting();
  const flaky = 'test -e made/once || { mkdir -p made; touch made/once; exit 1; }';
  expect((await run('flaky', [flaky])).failed).toBeNull();
  const { failed } = await run('one', ['echo why; exit 3', 'echo never']);
  expect(failed).toMatchObject({ exitCode: 3, artifact: 'setup/one-1-again.log', tail: 'why' });
  expect((await run('one', ['echo why; exit 3', 'echo never'])).failed).not.toBeNull();
  expect(await logs()).not.toContain('setup/one-2.log');
});

const submit = { tools: [{ name: 'submit_result', args: { summary: 'Done.' } }] };

test('the agent finds the work tree ready, and is told by what', async () => {
  const setting = await runnerSetting({
    turns: [{ tools: [{ name: 'bash', args: { command: 'cat made/x > copy; echo made > .gitignore' } }] }, submit],
  });
  const snapshot = { ...setting.snapshot, setup: ['mkdir made; echo ready > made/x; printf "*\\n" > made/.gitignore'] };
  const end = await setting.toTheEnd({ snapshot });
  expect(await setting.file(end.tree, 'copy')).toBe('ready\n');
  const facts = { tools: ['bash'], acceptance: [], sandbox: { network: 'none' } } as const;
  expect(systemPromptFor({ ...facts, setup: ['npm ci'] })).toContain('npm ci');
  expect(systemPromptFor({ ...facts, setup: [] })).toBe(systemPromptFor(facts));
});

test('where the work tree cannot be made ready, no model is asked', async () => {
  const setting = await runnerSetting({ turns: [submit] });
  const snapshot = { ...setting.snapshot, setup: ['echo no such registry; exit 1'] };
  await expect(setting.chunk({ snapshot })).rejects.toMatchObject({
    code: 'SETUP_FAILED',
    message: expect.stringContaining('no such registry'),
  });
  expect(setting.model.journal()).toEqual([]);
});

test('checks find their clean trees ready; where the result cannot be made ready, they are red with the log of the set-up', async () => {
  const { verify } = await verifierSetting({ 'package.list': 'good\n', '.gitignore': 'made/\n' });
  const changes = {
    setup: ['grep -q good package.list || { echo broken list; exit 1; }; mkdir -p made; cp package.list made/'],
    acceptance: ['test "$(cat made/package.list)" = "$(cat package.list)"'],
  };
  expect((await verify('true', changes)).verification.checks).toMatchObject([{ verdict: 'passing' }]);
  const { accepted, verification } = await verify('echo bad > package.list', changes, 1);
  expect(accepted).toBe(false);
  expect(verification.checks).toMatchObject([{ verdict: 'regressed', after: { tail: 'broken list' } }]);
});
