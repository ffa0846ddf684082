import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { childrenOf } from '../../src/sandbox/process-tree.ts';
import { freePort } from '../../src/temporal/embedded-server.ts';
import { processStart } from '../../src/temporal/process-identity.ts';
import { until } from '../support/holdfast.ts';
import { startSetting, type Setting } from '../support/scripted-setting.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const GRACE_MS = 1000;
const HANG_MS = 3000;

let setting: Setting;
beforeAll(async () => {
  setting = await startSetting({ SHUTDOWN_GRACE_MS: String(GRACE_MS), HANG_MS: String(HANG_MS) });
});
afterAll(() => setting.stop());

/** Starts a session on a repository of its own; both are named after the scenario. */
async function begin(scenario: string): Promise<string> {
  const { git, holdfast, request } = setting;
  return holdfast.create(request(scenario, await git.createRepository(scenario, { 'README.md': '# x\n' })));
}

/** The turns that a scenario was asked for, in order. */
async function requests(scenario: string): Promise<number[]> {
  const asked = (await setting.model.journal()).filter(
    (entry) => entry.scenario === scenario && entry.asked === 'turn',
  );
  return asked.map(({ turn }) => turn);
}

const turns = async (id: string): Promise<number> => (await setting.holdfast.session(id)).usage.turns as number;

async function expectLines(scenario: string, id: string): Promise<void> {
  const done = await setting.holdfast.reach(id, 'COMPLETE', 'FAILED');
  expect(done.state).toBe('COMPLETE');
  expect(setting.fileAt(scenario, done.result.branch, 'lines.txt')).toBe('0\n1\n');
}

test('a command that outlasts the grace of SIGTERM is broken off, and done once after the next start; no reply is bought again', async () => {
  const { holdfast } = setting;
  const id = await begin('long-command');
  await until(async () => (await holdfast.call('GET', `/api/sessions/${id}/transcript`)).body.includes('toolCall'));
  const since = performance.now();
  await holdfast.drain();
  expect(performance.now() - since).toBeLessThan(GRACE_MS + 8000);
  await holdfast.start();
  await expectLines('long-command', id);
  expect(await requests('long-command')).toEqual([0, 1]);
});

test('a reply that outlasts the grace of SIGTERM is the only one that is asked for again', async () => {
  const { holdfast } = setting;
  const id = await begin('long-reply');
  await until(async () => (await turns(id)) === 1); // The next request is in flight while the checkpoint is made.
  await holdfast.drain();
  await holdfast.start();
  await expectLines('long-reply', id);
  expect(await requests('long-reply')).toEqual([0, 1, 1, 2]);
});

test.each(['worker', 'api'] as const)(
  'a %s that hangs is killed and started again, and the session goes on',
  async (name) => {
    const { holdfast } = setting;
    const id = await begin(`lines-hang-${name}`);
    await until(async () => (await turns(id)) >= 2);
    const hung = holdfast.pid(name);
    process.kill(hung, 'SIGSTOP');
    await until(() => holdfast.pid(name) !== hung);
    expect(processStart(hung)).toBe('gone');
    expect(holdfast.log()).toContain('process does not answer; killing it');
    expect((await holdfast.reach(id, 'COMPLETE', 'FAILED')).state).toBe('COMPLETE');
  },
);

test('a process that runs by itself, as in a container, is kept running too, and ends on SIGTERM', async () => {
  const port = await freePort();
  const env = { PATH: process.env['PATH'], DATA_DIR: temporaryDirectory(), PORT: String(port), HANG_MS: '1000' };
  const script = join(import.meta.dirname, '..', '..', 'src', 'keep.ts');
  const keeper = spawn(process.execPath, [script, 'api'], { env, stdio: 'ignore' });
  onTestFinished(() => void keeper.kill('SIGKILL'));
  const ended = new Promise((resolve) => keeper.once('exit', resolve));
  const isUp = () =>
    fetch(`http://127.0.0.1:${port}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    );
  await until(isUp);
  const [api = 0] = childrenOf(keeper.pid ?? 0);
  process.kill(api, 'SIGSTOP');
  await until(() => processStart(api) === 'gone');
  await until(isUp);
  const [second = 0] = childrenOf(keeper.pid ?? 0);
  keeper.kill('SIGTERM');
  expect(await ended).toBe(0);
  expect(processStart(second)).toBe('gone');
});
