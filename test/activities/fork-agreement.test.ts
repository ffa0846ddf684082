import { expect, onTestFinished, test } from 'vitest';
import { Credentials } from '../../src/activities/credentials.ts';
import { ForkAgreement } from '../../src/activities/fork-agreement.ts';
import { SnapshotBuilder } from '../../src/activities/snapshot-builder.ts';
import { startGitHttpServer } from '../../src/demo/git-http-server.ts';
import { GitManager } from '../../src/git/git-manager.ts';
import { createSandbox } from '../../src/sandbox/create-sandbox.ts';
import { openStore } from '../../src/store/store.ts';
import { sampleContract } from '../api/sample-contract.ts';
import { deliveryParts } from '../support/delivery-parts.ts';
import { openDirectory } from '../support/open-directory.ts';
import { sampleCheckpoint, sampleSession, sampleSnapshot, sampleTask } from '../support/sample-task.ts';

const model = { provider: 'anthropic', id: 'm', thinkingLevel: 'off' } as const;
const limits = { maxSteps: 5, maxIterations: 1 };

/** A fork of a session on a repository that wants a token. */
async function setting() {
  const root = openDirectory();
  const server = await startGitHttpServer({ root, user: 'git', token: 'token' });
  const sandbox = createSandbox({ mode: 'bwrap' });
  const store = openStore({ directory: openDirectory() });
  onTestFinished(async () => {
    sandbox.dispose();
    store.close();
    await server.close();
  });
  const source = { kind: 'repository', url: await server.createRepository('r', { 'a.txt': 'a\n' }) } as const;
  const git = new GitManager({ sandbox, directory: openDirectory() });
  const base = await git.prepare('ses_fork', source, { token: 'token', username: 'git' });
  const snapshots = new SnapshotBuilder(store);
  await store.sessions.create(sampleSession('ses_parent', { task: sampleTask({ source }) }));
  await store.sessions.setBase('ses_parent', base);
  const agreed = sampleSnapshot({ sessionId: 'ses_parent', source, base, model, limits }, { delivery: 'branch' });
  const { digest } = await snapshots.freeze(agreed, sampleContract(true));
  const { epoch } = await store.journal.claim('ses_parent');
  const checkpoint = sampleCheckpoint(1);
  await store.journal.append('ses_parent', epoch, { thread: '', fromSeq: 1, entries: [{}], checkpoint });
  const parent = { sessionId: 'ses_parent', turn: 1, seq: 1, tree: checkpoint.tree, digest, prompt: 'Go on.' };
  const task = sampleTask({ source, parent, branch: 'feat/fork', limits: { ...limits, maxSteps: 9 } });
  await store.sessions.create(sampleSession('ses_fork', { task }));
  const credentials = new Credentials(store, { spec: model, key: () => undefined });
  const { delivery } = deliveryParts({ git, store, credentials });
  const agreement = new ForkAgreement({ sandbox, delivery, snapshots });
  return { agreement, agreed, parent, snapshots, store, fork: () => store.sessions.get('ses_fork') };
}

test('a fork that may not push learns it before a model is paid, and may when it is given a token', async () => {
  const { agreement, fork, store } = await setting();
  const { signal } = new AbortController();
  const refused = { code: 'REPOSITORY_AUTH_FAILED' };
  await expect(agreement.assertDeliverable(await fork(), signal)).rejects.toMatchObject(refused);
  await store.secrets.put('ses_fork', 'git.token', 'token');
  await store.secrets.put('ses_fork', 'git.username', 'git');
  await agreement.assertDeliverable(await fork(), signal);
});

test('its snapshot repeats that of the parent but for what is its own, the same for the same moment, also when the parent is gone', async () => {
  const { agreement, agreed, fork, parent, snapshots, store } = await setting();
  const snapshot = await agreement.snapshot(await fork(), 7);
  expect(snapshot).toEqual({
    ...agreed,
    sessionId: 'ses_fork',
    branch: 'feat/fork',
    limits: { ...limits, maxSteps: 9 },
    systemPrompt: expect.stringMatching(/^sha256:/),
    versions: { holdfast: expect.any(String), pi: expect.any(String) },
    createdAt: 7,
    parent,
  });
  const { digest } = await snapshots.freeze(snapshot, sampleContract(true));
  await store.sessions.delete('ses_parent');
  await store.blobs.sweep();
  expect((await snapshots.freeze(await agreement.snapshot(await fork(), 7), sampleContract(true))).digest).toBe(digest);
  expect(await snapshots.load(digest)).toEqual(snapshot);
});
