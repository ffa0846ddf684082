import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { sweepEndedSessions } from '../../src/activities/ended-sessions-sweep.ts';
import { GitManager } from '../../src/git/git-manager.ts';
import { createSandbox } from '../../src/sandbox/create-sandbox.ts';
import { openStore } from '../../src/store/store.ts';
import { openDirectory } from '../support/open-directory.ts';
import { sampleSession } from '../support/sample-task.ts';

test('what a worker holds of sessions that ended elsewhere goes; live sessions and mirrors keep theirs', async () => {
  const root = openDirectory();
  const sandbox = createSandbox({ mode: 'bwrap' });
  const store = openStore({ directory: join(root, 'store') });
  onTestFinished(() => {
    store.close();
    sandbox.dispose();
  });
  const git = new GitManager({ sandbox, directory: join(root, 'work') });
  expect(await sweepEndedSessions({ git, store })).toEqual([]);
  for (const id of ['ses_live', 'ses_ended']) await store.sessions.create(sampleSession(id));
  const end = { rev: 1, state: 'COMPLETE', stage: 'completed', pause: null, at: 2 } as const;
  await store.sessions.announce('ses_ended', end);
  for (const name of ['ses_live', 'ses_live.new', 'ses_ended', 'ses_deleted.new', 'mirrors'])
    mkdirSync(join(root, 'work', name, 'git'), { recursive: true });

  expect((await sweepEndedSessions({ git, store })).toSorted()).toEqual(['ses_deleted', 'ses_ended']);
  expect(readdirSync(join(root, 'work')).toSorted()).toEqual(['mirrors', 'ses_live', 'ses_live.new']);
});
