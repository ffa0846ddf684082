import { expect, onTestFinished, test } from 'vitest';
import { openStore } from '../../src/store/store.ts';
import { WorkerWatch } from '../../src/temporal/worker-watch.ts';
import { until } from '../support/holdfast.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

test('a worker whose pulse stands still is taken over once; those that beat or took their leave are not', async () => {
  const store = openStore({ directory: temporaryDirectory() });
  const { pulses } = store;
  const takenOver: string[] = [];
  const watchOf = (identity: string): WorkerWatch => {
    const handBack = async (worker: string) => void takenOver.push(`${worker} by ${identity}`);
    const fail = (error: unknown) => void takenOver.push(String(error));
    return new WorkerWatch({ identity, pulses, handBack, onError: fail, intervalMs: 10, patienceMs: 300 });
  };
  const [one, two, leaving] = [watchOf('one'), watchOf('two'), watchOf('leaving')];
  onTestFinished(async () => {
    await Promise.all([one.stop(), two.stop()]);
    store.close();
  });
  await pulses.beat('dead');
  for (const watch of [one, two, leaving]) watch.start();
  await until(async () => (await pulses.list()).length >= 4);
  await leaving.stop();

  await until(() => takenOver.length > 0);
  await until(async () => (await pulses.list()).length === 2);
  const beats = (await pulses.list()).map((pulse) => pulse.beats);
  await until(async () => (await pulses.list()).every((pulse, index) => pulse.beats > (beats[index] ?? 0) + 60));
  expect((await pulses.list()).map(({ worker }) => worker)).toEqual(['one', 'two']);
  expect(new Set(takenOver.map((line) => line.split(' ')[0]))).toEqual(new Set(['dead']));
  expect(takenOver.length).toBeLessThanOrEqual(2);
});

test('a round that fails is told, and the watch goes on', async () => {
  const errors: unknown[] = [];
  let beats = 0;
  const pulses = {
    beat: async () => {
      beats += 1;
      if (beats === 1) throw new Error('locked');
    },
    list: async () => [],
    remove: async () => undefined,
  };
  const onError = (error: unknown) => void errors.push(error);
  const watch = new WorkerWatch({ identity: 'one', pulses, handBack: async () => undefined, onError, intervalMs: 1 });
  watch.start();
  await until(() => beats > 2);
  await watch.stop();
  expect(errors).toEqual([new Error('locked')]);
});
