import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { expect, test } from 'vitest';
import { workflowBundle } from '../support/temporal.ts';

const directory = join(import.meta.dirname, 'histories');
const names = readdirSync(directory).map((file) => file.replace('.json', ''));

test('there is a golden history for each way through the diagram', () => {
  expect(names.toSorted()).toEqual([
    'abort',
    'answers',
    'approval',
    'continued',
    'continued-2',
    'fork',
    'happy',
    'pause',
    'pause-at-the-end',
    'raised',
    'repairs',
    'storage',
    'webhooks',
  ]);
});

test.each(names)('the golden history %s still replays: sessions that run today go on after an update', async (name) => {
  const history = historyFromJSON(JSON.parse(readFileSync(join(directory, `${name}.json`), 'utf8')));
  await Worker.runReplayHistory({ workflowBundle: await workflowBundle() }, history, `session/golden-${name}`);
});

test('a history that does not fit is refused, so that the replay proves something', async () => {
  const json = JSON.parse(readFileSync(join(directory, 'happy.json'), 'utf8')) as {
    events: { activityTaskScheduledEventAttributes?: { activityType: { name: string } } }[];
  };
  const first = json.events.find(({ activityTaskScheduledEventAttributes }) => activityTaskScheduledEventAttributes);
  if (first?.activityTaskScheduledEventAttributes)
    first.activityTaskScheduledEventAttributes.activityType.name = 'somethingElse';
  const replay = Worker.runReplayHistory(
    { workflowBundle: await workflowBundle() },
    historyFromJSON(json),
    'session/golden',
  );
  await expect(replay).rejects.toThrow('Nondeterminism');
});
