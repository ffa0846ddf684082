import { processStart } from '../../src/temporal/process-identity.ts';
import { until, type ProcessName } from '../support/holdfast.ts';
import type { Ground } from './ground.ts';

/** What is killed. */
export const components = ['worker', 'API', 'Temporal', 'everything'] as const;
export type Component = (typeof components)[number];

/** What the matrix has columns for. */
export const columns = [...components, 'worker, 3 times', 'hung worker'] as const;
export type Column = (typeof columns)[number];

const processes: Readonly<Record<Component, readonly ProcessName[]>> = {
  worker: ['worker'],
  API: ['api'],
  Temporal: ['temporal'],
  everything: ['main', 'worker', 'api', 'temporal'],
};

/** SIGKILL, as one kill, as soon as all of the component's processes are there to be killed. */
export async function kill(ground: Ground, component: Component): Promise<void> {
  const { holdfast } = ground.setting;
  const names = processes[component];
  await until(() => names.every((name) => processStart(holdfast.pid(name)) !== 'gone'), 60_000);
  ground.noteKill(component);
  await holdfast.kill(...names);
}

/**
 * Brings back what does not come back by itself, and waits until all of it is there.
 * @throws Error with the end of the log when it does not.
 */
export async function recover({ setting: { holdfast } }: Ground, component: Component): Promise<void> {
  const back = component === 'everything' ? holdfast.start() : until(() => holdfast.isReady(), 60_000);
  await back.catch((cause: unknown) => {
    throw new Error(`${component} did not come back:\n${holdfast.log().slice(-8000)}`, { cause });
  });
}
