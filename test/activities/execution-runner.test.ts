import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { ModelProvider } from '../../src/domain/model-spec.ts';
import { whileItMoves } from '../../src/activities/progress-watch.ts';
import type { GitManager } from '../../src/git/git-manager.ts';
import type { Scenario, Turn } from '../support/scripted-model/scenario.ts';
import { until } from '../support/holdfast.ts';
import { openRunner, ownerOf, runnerSetting, SESSION } from './runner-setting.ts';

const bash = (command: string): Turn => ({ tools: [{ name: 'bash', args: { command } }] });
const submit: Turn = { tools: [{ name: 'submit_result', args: { summary: 'All done.' } }] };
const read = { name: 'read', args: { path: 'a/b.txt' } };

/** Every tool once. */
const allTools: Scenario = {
  turns: [
    { text: 'I begin.', tools: [{ name: 'plan', args: { steps: [{ title: 'Write', status: 'in_progress' }] } }] },
    { tools: [{ name: 'write', args: { path: 'a/b.txt', content: 'one\n' } }, read] },
    { tools: [{ name: 'edit', args: { path: 'a/b.txt', edits: [{ oldText: 'one', newText: 'two' }] } }] },
    {
      tools: [
        { name: 'grep', args: { pattern: 'two' } },
        { name: 'find', args: { pattern: '*.txt' } },
        { name: 'ls', args: {} },
      ],
    },
    bash('cat a/b.txt >> log; wc -l log'),
    submit,
  ],
};

/** The tree of the first of the wire formats: the others must arrive at the same. */
let treeOfTheTask: string | undefined;

function inWorkTree(git: GitManager, path: string): string {
  return join(git.open(SESSION).workspace().spec.workspace, path);
}

/** What each tool gave, in order. */
function results(transcript: readonly unknown[]): string[] {
  return (transcript as { message?: { role: string; content: { text: string }[] } }[])
    .filter(({ message }) => message?.role === 'toolResult')
    .map(({ message }) => message?.content[0]?.text ?? '');
}

test.each(['anthropic', 'openai', 'openai-responses'] satisfies ModelProvider[])(
  'a task runs to its end over the wire format %s',
  async (provider) => {
    const { chunk, file, store, runner } = await runnerSetting(allTools, provider);
    const end = await chunk();
    expect(end).toMatchObject({ outcome: 'submitted', turns: 6 });
    expect(await file(end.tree, 'a/b.txt')).toBe('two\n');
    treeOfTheTask ??= end.tree;
    expect(end.tree).toBe(treeOfTheTask);
    const given = results(await store.journal.transcript(SESSION));
    expect(given).toEqual([
      expect.stringContaining('noted'),
      expect.any(String),
      'one\n',
      expect.any(String),
      expect.stringContaining('a/b.txt:1:two'),
      expect.stringContaining('a/b.txt'),
      expect.stringMatching(/^a\/$/m),
      '1 log\n',
      expect.stringContaining('handed in'),
    ]);
    expect((await store.sessions.get(SESSION)).plan).toEqual([{ title: 'Write', status: 'in_progress' }]);
    expect(await runner.summary(SESSION)).toBe('All done.');
    expect((await store.journal.usage(SESSION)).inputTokens).toBeGreaterThan(0);
  },
);

test('chunks of one or two turns send the same bytes as a run without borders', async () => {
  const runs = await Promise.all(
    [100, 2, 1].map(async (maxTurns) => {
      const { toTheEnd, model } = await runnerSetting(allTools);
      const { tree } = await toTheEnd({ maxTurns });
      return { tree, bodies: model.journal().map(({ bodySha256 }) => bodySha256) };
    }),
  );
  expect(new Set(runs[0]?.bodies).size).toBe(6);
  expect(runs[1]).toEqual(runs[0]);
  expect(runs[2]).toEqual(runs[0]);
});

test('a limit of turns pauses with everything kept, and a higher one goes on', async () => {
  const { chunk, model, store, snapshot } = await runnerSetting(allTools);
  const low = { limits: { ...snapshot.limits, maxSteps: 2 } };
  await expect(chunk(low)).rejects.toMatchObject({ code: 'BUDGET_REACHED', details: { turns: 2 } });
  await expect(chunk(low)).rejects.toMatchObject({ code: 'BUDGET_REACHED' });
  expect(model.journal()).toHaveLength(2);
  expect((await store.journal.latest(SESSION))?.turn).toBe(2);
  expect(await chunk()).toMatchObject({ outcome: 'submitted', turns: 6 });
  expect(model.journal()).toHaveLength(6);
});

test('a blocked agent ends BLOCKED with its reason, and so does every further attempt', async () => {
  const { chunk, model } = await runnerSetting({
    turns: [{ tools: [{ name: 'report_blocked', args: { reason: 'no compiler' } }] }],
  });
  for (const _ of [1, 2])
    await expect(chunk()).rejects.toMatchObject({ code: 'BLOCKED', message: expect.stringContaining('no compiler') });
  expect(model.journal()).toHaveLength(1);
});

test('evidence is told once, and the agent goes on with it', async () => {
  const { chunk, model } = await runnerSetting({
    turns: ({ turn, userMessages }) => {
      const told = userMessages.filter((text) => text === 'It is red.').length;
      return told === 0 || turn > 1 ? submit : bash(`echo ${told} > told`);
    },
  });
  await chunk();
  const feedback = 'It is red.';
  const end = await chunk({ feedback, maxTurns: 1 });
  expect(end.outcome).toBe('more');
  expect(await chunk({ feedback })).toMatchObject({ outcome: 'submitted', turns: 3 });
  expect(await chunk({ feedback })).toMatchObject({ outcome: 'submitted', turns: 3 });
  expect(model.journal()).toHaveLength(3);
});

test('a session that is held while a command runs ends its chunk at the next turn border, and goes on when released', async () => {
  const { chunk, git, model, store } = await runnerSetting({
    turns: [bash('touch running; sleep 0.5; echo 1 >> log'), bash('echo 2 >> log'), submit],
  });
  const running = chunk();
  await until(() => existsSync(inWorkTree(git, 'running')));
  await store.sessions.setHeld(SESSION, true);
  expect(await running).toMatchObject({ outcome: 'more', turns: 1 });
  expect(model.journal()).toHaveLength(1);
  await store.sessions.setHeld(SESSION, false);
  expect(await chunk()).toMatchObject({ outcome: 'submitted', turns: 3 });
});

test('an abort during a long command ends it at once with the very reason given, and nothing half done is recorded', async () => {
  const command = 'echo 1 >> log; touch started; sleep 4; echo 2 >> log';
  const tools = [command, 'echo 3 >> log'].map((line) => ({ name: 'bash', args: { command: line } }));
  const { chunk, file, git, model, store } = await runnerSetting({ turns: [bash('echo 0 >> log'), { tools }, submit] });
  const controller = new AbortController();
  const running = chunk({}, controller.signal).catch((error: unknown) => error);
  await until(() => existsSync(inWorkTree(git, 'started')));
  const aborted = performance.now();
  const reason = new Error('enough');
  controller.abort(reason);
  expect(await running).toBe(reason);
  expect(performance.now() - aborted).toBeLessThan(3500);
  expect((await store.journal.latest(SESSION))?.turn).toBe(1);
  const end = await chunk();
  expect(end).toMatchObject({ outcome: 'submitted', turns: 3 });
  expect(await file(end.tree, 'log')).toBe('0\n1\n2\n3\n');
  expect(model.journal().map(({ turn }) => turn)).toEqual([0, 1, 2]);
});

test('of two attempts at once only the newer one can write; the older one stops before its next command', async () => {
  const turns = [bash('echo 1 >> log'), bash('echo 2 >> log'), submit];
  let asked = false;
  const { chunk, file, model } = await runnerSetting({
    turns: ({ turn }) => {
      if (turn === 1) asked = true;
      return turns[turn];
    },
    ttftMs: 500,
  });
  const older = chunk().catch((error: unknown) => error);
  await until(() => asked);
  const newer = chunk();
  expect(await older).toMatchObject({ code: 'STALE_ATTEMPT' });
  const end = await newer;
  expect(end).toMatchObject({ outcome: 'submitted', turns: 3 });
  expect(await file(end.tree, 'log')).toBe('1\n2\n');
  expect(model.journal().filter(({ turn }) => turn === 2)).toHaveLength(1);
});

test('an attempt that is overtaken while its command runs changes nothing that the newer one records', async () => {
  const { chunk, file, git, store } = await runnerSetting({
    turns: [bash('echo 1a >> log; touch running; sleep 1; echo 1b >> log'), submit],
  });
  const older = chunk().catch((error: unknown) => error);
  await until(() => existsSync(inWorkTree(git, 'running')));
  const end = await chunk();
  expect(await older).toMatchObject({ code: 'STALE_ATTEMPT' });
  expect(end).toMatchObject({ outcome: 'submitted', turns: 2 });
  expect(await file(end.tree, 'log')).toBe('1a\n1b\n');
  expect((await store.journal.latest(SESSION))?.tree).toBe(end.tree);
});

test('two workers that both believe they own a session never share files: the older one goes on for itself and cannot record it', async () => {
  const { chunk, file, root, git, snapshot } = await runnerSetting({
    turns: [bash('echo 1a >> log; touch running; sleep 1.5; echo 1b >> log'), submit],
  });
  const other = openRunner(root, { name: 'another worker', isGone: () => false });
  onTestFinished(other.close);
  const hung = chunk().catch((error: unknown) => error);
  await until(() => existsSync(inWorkTree(git, 'running')));
  const job = { snapshot, maxTurns: 9, maxChunkMs: 60_000, limits: snapshot.limits, feedback: null, modelKey: 'key' };
  const end = await other.runner.runChunk(job, new AbortController().signal);
  expect(await hung).toMatchObject({ code: 'STALE_ATTEMPT' });
  expect(end).toMatchObject({ outcome: 'submitted', turns: 2 });
  expect(await file(end.tree, 'log')).toBe('1a\n1b\n');
});

test('an attempt that hangs for good does not hold the next one, and changes nothing any more', async () => {
  const { chunk, file, model, store } = await runnerSetting({ turns: [bash('echo 1 >> log'), submit] });
  const append = store.journal.append.bind(store.journal);
  let hung = false;
  store.journal.append = () => {
    store.journal.append = append;
    hung = true;
    return new Promise(() => undefined);
  };
  const left = whileItMoves(2000, new AbortController().signal, (signal, onProgress) => chunk({ onProgress }, signal));
  await expect(left).rejects.toMatchObject({ code: 'ATTEMPT_STALLED' });
  expect(hung).toBe(true);
  const end = await chunk();
  expect(end).toMatchObject({ outcome: 'submitted', turns: 2 });
  expect(await file(end.tree, 'log')).toBe('1\n');
  expect(model.journal().map(({ turn }) => turn)).toEqual([0, 0, 1]);
});

test('a worker that is told to stop ends its chunks at the next border, with nothing broken off', async () => {
  let isStopping = false;
  const { chunk, git, model } = await runnerSetting(
    { turns: [bash('touch running; sleep 0.5; echo 1 >> log'), bash('echo 2 >> log'), submit] },
    'anthropic',
    { isStopping: () => isStopping },
  );
  const running = chunk();
  await until(() => existsSync(inWorkTree(git, 'running')));
  isStopping = true;
  expect(await running).toMatchObject({ outcome: 'more', turns: 1 });
  expect(model.journal()).toHaveLength(1);
});

test('neither the environment of the server nor its files reach the agent', async () => {
  process.env['HOLDFAST_TEST_CANARY'] = 'canary-env';
  const link = bash('env; ln -s /proc/self/environ notes; ln -s /etc/shadow shadow');
  const look: Turn = { tools: ['notes', 'shadow', '/etc/passwd'].map((path) => ({ name: 'read', args: { path } })) };
  const { chunk, store } = await runnerSetting({ turns: [link, look, submit] });
  await chunk();
  delete process.env['HOLDFAST_TEST_CANARY'];
  const transcript = JSON.stringify(await store.journal.transcript(SESSION));
  expect(transcript).not.toContain('canary-env');
  expect(transcript).not.toContain('root:*:');
  expect(transcript).toContain('agent:x:1000');
});

test('long output is cut to its end, in the transcript and on disk', async () => {
  const { chunk, store } = await runnerSetting({ turns: [bash('seq 1 200000; exit 3'), submit] });
  await chunk();
  const [text = ''] = results(await store.journal.transcript(SESSION));
  expect(text).toContain('200000');
  expect(text).toContain('not shown');
  expect(text).toContain('exited with code 3');
  expect(text).not.toContain('pi-bash');
  expect(text.length).toBeLessThan(60_000);
});

const install: Turn = bash(
  'printf "node_modules/\\n.env\\n*.log\\n" > .gitignore; mkdir -p node_modules/x; echo 1 > node_modules/x/y; echo 2 > .env',
);
const look: Turn = bash('ls -A node_modules .env || true');

test('on another machine the ignored files of the include list are there again, and the agent is told once what is gone', async () => {
  const { chunk, root, snapshot, store, model } = await runnerSetting({ turns: [install, look, look, submit] });
  const wanted = { ...snapshot, keepIgnored: ['.env'] };
  expect(await chunk({ snapshot: wanted, maxTurns: 1 })).toMatchObject({ outcome: 'more' });
  const elsewhere = openRunner(root, { name: 'another host', isGone: () => false }, join(root, 'elsewhere'));
  onTestFinished(elsewhere.close);
  const pack = async (id: string) => elsewhere.git.open(SESSION).ingest(await store.blobs.get(id));
  await elsewhere.git.prepare(SESSION, snapshot.source);
  for (const id of await store.journal.packs(SESSION)) await pack(id);
  const job = { maxTurns: 1, maxChunkMs: 60_000, limits: snapshot.limits, feedback: null, modelKey: 'key' };
  for (const outcome of ['more', 'more', 'submitted']) {
    const end = await elsewhere.runner.runChunk({ ...job, snapshot: wanted }, new AbortController().signal);
    expect(end).toMatchObject({ outcome });
  }
  const entries = await store.journal.transcript(SESSION);
  const notes = entries.filter((entry) => entry['customType'] === 'holdfast.note');
  expect(notes).toMatchObject([{ content: expect.stringMatching(/Gone are: node_modules\/\. /) }]);
  expect(results(entries)[1]).toContain('.env');
  expect(results(entries)[1]).toContain("cannot access 'node_modules'");
  expect(model.journal()).toHaveLength(4);
});

test('a reply that had arrived before the move is used as it is, and the note follows it', async () => {
  const { chunk, root, snapshot, store, model } = await runnerSetting({ turns: [install, look, submit] });
  await chunk({ maxTurns: 1 });
  // The reply of turn 2 arrives; its worker dies before its tools have run.
  const { journal } = store;
  const append = journal.append.bind(journal);
  const dying = vi.spyOn(journal, 'append').mockImplementation(async (...write) => {
    await append(...write);
    throw new Error('died');
  });
  await expect(chunk()).rejects.toThrow('died');
  dying.mockRestore();
  const elsewhere = openRunner(root, { name: 'another host', isGone: () => false }, join(root, 'elsewhere'));
  onTestFinished(elsewhere.close);
  await elsewhere.git.prepare(SESSION, snapshot.source);
  for (const id of await store.journal.packs(SESSION))
    await elsewhere.git.open(SESSION).ingest(await store.blobs.get(id));
  const job = { snapshot, maxTurns: 9, maxChunkMs: 60_000, limits: snapshot.limits, feedback: null, modelKey: 'key' };
  expect(await elsewhere.runner.runChunk(job, new AbortController().signal)).toMatchObject({ outcome: 'submitted' });
  const kinds = (await store.journal.transcript(SESSION)).map(
    (entry) => entry['customType'] ?? (entry['message'] as { role?: string })?.role,
  );
  expect(kinds.filter(Boolean).slice(-5)).toEqual([
    'assistant',
    'toolResult',
    'holdfast.note',
    'assistant',
    'toolResult',
  ]);
  expect(model.journal().map(({ turn }) => turn)).toEqual([0, 1, 2]);
});

test('however long a session is, a restore reads few packs, and they make the very files', async () => {
  const { toTheEnd, file, root, snapshot, store } = await runnerSetting({
    turns: ({ turn }) => (turn < 40 ? bash(`echo ${turn} >> log`) : submit),
  });
  const end = await toTheEnd({ maxTurns: 12 });
  const packs = await store.journal.packs(SESSION);
  expect(packs.length).toBeLessThanOrEqual(33);
  const elsewhere = openRunner(root, ownerOf(root), join(root, 'elsewhere'));
  onTestFinished(elsewhere.close);
  await elsewhere.git.prepare(SESSION, snapshot.source);
  const git = elsewhere.git.open(SESSION);
  for (const id of packs) await git.ingest(await store.blobs.get(id));
  const log = Array.from({ length: 40 }, (_, turn) => `${turn}\n`).join('');
  expect((await git.readFile(end.tree, 'log', 10_000))?.toString()).toBe(log);
  expect(await file(end.tree, 'log')).toBe(log);
});
