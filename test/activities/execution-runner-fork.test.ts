import { expect, test } from 'vitest';
import { SourceImporter } from '../../src/activities/source-importer.ts';
import { Credentials } from '../../src/activities/credentials.ts';
import type { ModelProvider } from '../../src/domain/model-spec.ts';
import type { Snapshot } from '../../src/domain/snapshot.ts';
import { sampleSession, sampleTask } from '../support/sample-task.ts';
import type { Scenario, Turn } from '../support/scripted-model/scenario.ts';
import { runnerSetting, SESSION, type RunnerSetting } from './runner-setting.ts';

const bash = (command: string): Turn => ({ tools: [{ name: 'bash', args: { command } }] });
const submit: Turn = { tools: [{ name: 'submit_result', args: { summary: 'All done.' } }] };
const counting: Scenario = {
  turns: [bash('echo 1 >> log'), bash('echo 2 >> log'), bash('cat log'), bash('echo 4 >> log'), submit],
};

/** Makes a fork of the session, ready to run, as the API and the first activities do. */
async function forked(
  { store, git, snapshot }: RunnerSetting,
  id: string,
  from: { readonly sessionId?: string; readonly turn: number; readonly prompt?: string },
): Promise<Snapshot> {
  const { sessionId = SESSION, turn, prompt = null } = from;
  const [checkpoint] = await store.journal.checkpoints(sessionId, { before: turn + 1, limit: 1 });
  if (checkpoint === undefined) throw new Error(`no checkpoint ${turn}`);
  const { seq, tree } = checkpoint;
  const parent = { sessionId, turn, seq, tree, digest: 'sha256:parent', prompt };
  await store.sessions.setBase(sessionId, snapshot.base);
  await store.sessions.create(sampleSession(id, { task: sampleTask({ source: snapshot.source, parent }) }));
  const credentials = new Credentials(store, { spec: snapshot.model, key: () => undefined });
  await new SourceImporter({ store, git, credentials }).ensure(id, new AbortController().signal);
  return { ...snapshot, sessionId: id, parent };
}

test.each(['anthropic', 'openai', 'openai-responses'] satisfies ModelProvider[])(
  'a fork that just goes on sends, over %s, to the byte what its parent sent from there on, and comes to the same files',
  async (provider) => {
    const setting = await runnerSetting(counting, provider);
    const whole = await setting.chunk();
    const sent = setting.model.journal().map(({ bodySha256 }) => bodySha256);
    const snapshot = await forked(setting, 'ses_fork', { turn: 2 });
    const end = await setting.chunk({ snapshot });
    expect(end).toEqual({ outcome: 'submitted', turns: 3, tree: whole.tree });
    expect(setting.model.journal().map(({ bodySha256 }) => bodySha256)).toEqual([...sent, ...sent.slice(2)]);
    expect((await setting.store.journal.usage('ses_fork')).turns).toBe(3);
    expect((await setting.store.journal.usage(SESSION)).turns).toBe(5);
  },
);

test('a fork is told once what it is for, also from where the parent had handed in, and its limits count only its own turns', async () => {
  const setting = await runnerSetting({
    turns: ({ turn, userMessages }) => {
      const told = userMessages.filter((text) => text.includes('<task>\nNow in blue.\n</task>')).length;
      if (told === 0) return turn === 0 ? bash('echo red > color') : submit;
      return turn === 2 ? bash(`echo blue ${told} > color`) : submit;
    },
  });
  await setting.chunk();
  const snapshot = await forked(setting, 'ses_fork', { turn: 2, prompt: 'Now in blue.' });
  const limits = { maxSteps: 2, maxIterations: 0 };
  expect(await setting.chunk({ snapshot, limits, maxTurns: 1 })).toMatchObject({ outcome: 'more', turns: 1 });
  const end = await setting.chunk({ snapshot, limits });
  expect(end).toMatchObject({ outcome: 'submitted', turns: 2 });
  const git = setting.git.open('ses_fork');
  expect((await git.readFile(end.tree, 'color', 100))?.toString()).toBe('blue 1\n');
  expect(await setting.chunk({ snapshot, limits })).toEqual(end);
  expect(setting.model.journal()).toHaveLength(4);
});

test('evidence that the parent was told is told to its fork as well, when it is found there again', async () => {
  const setting = await runnerSetting({
    turns: ({ userMessages, turn }) => {
      const told = userMessages.filter((text) => text === 'It is red.').length;
      return told === 0 || turn > told ? submit : bash(`echo ${told} > told`);
    },
  });
  const feedback = 'It is red.';
  await setting.chunk();
  await setting.chunk({ feedback });
  const snapshot = await forked(setting, 'ses_fork', { turn: 3 });
  expect(await setting.chunk({ snapshot })).toMatchObject({ outcome: 'submitted', turns: 0 });
  const end = await setting.chunk({ snapshot, feedback });
  expect(end).toMatchObject({ outcome: 'submitted', turns: 1 });
  const entries = JSON.stringify(await setting.store.journal.transcript('ses_fork'));
  expect(entries.split('It is red.')).toHaveLength(3);
});

test('a fork of a fork has the files of both, on a host that has never seen them', async () => {
  const setting = await runnerSetting(counting);
  await setting.chunk();
  const first = await forked(setting, 'ses_fork', { turn: 1 });
  await setting.chunk({ snapshot: first, maxTurns: 1 });
  for (const id of [SESSION, 'ses_fork']) await setting.git.remove(id);
  await setting.store.sessions.delete(SESSION);
  await setting.store.blobs.sweep();
  const second = await forked(setting, 'ses_fork_2', { sessionId: 'ses_fork', turn: 1, prompt: 'Go on.' });
  await setting.chunk({ snapshot: second, maxTurns: 2 });
  const tree = (await setting.store.journal.latest('ses_fork_2'))?.tree ?? '';
  const log = await setting.git.open('ses_fork_2').readFile(tree, 'log', 100);
  expect(log?.toString()).toBe('1\n2\n4\n');
});
