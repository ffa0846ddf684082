import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { SetUp } from '../../src/activities/set-up.ts';
import { TreeRestorer } from '../../src/activities/tree-restorer.ts';
import { systemPromptFor } from '../../src/agent/system-prompt.ts';
import { GitManager } from '../../src/git/git-manager.ts';
import { createSandbox } from '../../src/sandbox/create-sandbox.ts';
import { openStore } from '../../src/store/store.ts';
import { openDirectory } from '../support/open-directory.ts';
import { sampleSession, sampleSnapshot } from '../support/sample-task.ts';
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
  /** The base with some files changed, as an agent would. */
  const treeWith = async (files: Readonly<Record<string, string>>): Promise<string> => {
    const workTree = await workTreeOf('author');
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(workTree.spec.workspace, path)), { recursive: true });
      writeFileSync(join(workTree.spec.workspace, path), text);
    }
    await workTree.adopt();
    return workTree.snapshot(base.tree);
  };
  const run = async (name: string, commands: readonly string[], tree = base.tree) => {
    const workTree = git.open(SESSION).workspace(name);
    await workTree.restore(tree);
    const files = { tree, kept: null };
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
  const restorer = (setup: readonly string[]) => {
    const source = { kind: 'directory', path: project } as const;
    const model = { provider: 'openai', id: 'none', thinkingLevel: 'off' } as const;
    const facts = { sessionId: SESSION, source, base, model, limits: { maxSteps: 1, maxIterations: 0 } };
    const snapshot = sampleSnapshot(facts, { setup: [...setup] });
    const workTree = git.open(SESSION).workspace('agent');
    return new TreeRestorer({ git: git.open(SESSION), setUp, snapshot, workTree, worker: 'worker' });
  };
  return { run, logs, log, base, git, treeWith, restorer };
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

const count = ['mkdir -p made; echo run >> made/runs; wc -l < made/runs'];

test.each([
  'package-lock.json',
  'web/package.json',
  'services/api/requirements-dev.txt',
  'go.sum',
  'app/build.gradle.kts',
])(
  'a tree with another %s is set up again, in a directory that was set up before; one with other sources is not',
  async (path) => {
    const { run, log, treeWith } = await setting();
    await run('one', count);
    await run('one', count, await treeWith({ 'a.txt': 'changed', 'src/package.json.ts': 'x', 'b/c.txt': 'x' }));
    expect(await log('setup/one-1.log')).toBe('1\n');
    const changed = await treeWith({ [path]: 'two' });
    await run('one', count, changed);
    expect(await log('setup/one-1.log')).toBe('2\n');
    await run('one', count, changed);
    await run('one', count, await treeWith({ [path]: 'two', 'a.txt': 'changed' }));
    expect(await log('setup/one-1.log')).toBe('2\n');
    await run('one', count);
    expect(await log('setup/one-1.log')).toBe('3\n');
  },
);

test('a set-up that was killed in the middle of another lock is not taken for that of the lock before', async () => {
  const { run, log, treeWith } = await setting();
  const commands = ['mkdir -p made; echo run >> made/runs; test ! -e yarn.lock || exit 1; wc -l < made/runs'];
  await run('one', commands);
  expect((await run('one', commands, await treeWith({ 'yarn.lock': 'x' }))).failed).not.toBeNull();
  expect((await run('one', commands)).failed).toBeNull();
  expect(await log('setup/one-1.log')).toBe('4\n');
});

const noIgnored = { kept: null, ignored: [] };

test("the agent's turns change manifests without a set-up; a return to other ones has one", async () => {
  const { base, log, restorer, treeWith } = await setting();
  const before = { tree: base.tree, ...noIgnored };
  const after = { tree: await treeWith({ 'package.json': '{}' }), ...noIgnored };
  const restored = restorer(count);
  await restored.restore(before, never);
  restored.touched();
  restored.committed(after);
  await restored.restore(after, never);
  expect(await log('setup/agent-1.log')).toBe('1\n');
  restored.touched(); // A turn that is lost.
  await restored.restore(after, never);
  expect(await log('setup/agent-1.log')).toBe('2\n');
});

test('a manifest that the agent has left in the middle does not pause its session; one that it has not touched does', async () => {
  const { base, logs, restorer, treeWith } = await setting();
  const unlocked = ['test -e package-lock.json || ! test -e package.json'];
  const middle = { tree: await treeWith({ 'package.json': '{}' }), ...noIgnored };
  await restorer(unlocked).restore(middle, never);
  expect(await logs()).toContain('setup/agent-1-again.log');
  const broken = restorer(['exit 1']).restore({ tree: base.tree, ...noIgnored }, never);
  await expect(broken).rejects.toMatchObject({ code: 'SETUP_FAILED' });
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
