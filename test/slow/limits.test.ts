import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findTemporalCli } from '../../scripts/setup/temporal-cli.mjs';
import { holdfast as command } from '../cli/setting.ts';
import { until } from '../support/holdfast.ts';
import { canaries, startSetting, type Setting } from '../support/scripted-setting.ts';
import { LINES } from '../e2e/scenarios.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-keys-'));
const keyFile = join(directory, 'key');
const run = promisify(execFile);
let setting: Setting;
beforeAll(async () => {
  writeFileSync(keyFile, canaries.modelKey);
  setting = await startSetting({ LLM_API_KEY: '', LLM_API_KEY_FILE: keyFile, TURNS_PER_CHUNK: '2' });
});
afterAll(async () => {
  await setting.stop();
  rmSync(directory, { recursive: true, force: true });
});

const lines = Array.from({ length: LINES }, (_, index) => `${index}\n`).join('');
const cost = { input: 10, output: 10, cacheRead: 1, cacheWrite: 10 };

async function begin(name: string, changes: object): Promise<string> {
  const repoUrl = await setting.git.createRepository(name, { 'README.md': '# sample\n' });
  return setting.holdfast.create(setting.request('lines', repoUrl, changes));
}

const resume = (id: string, body: object) => setting.holdfast.call('POST', `/api/sessions/${id}/resume`, body);

const ways: readonly (readonly [string, object, string, (id: string) => Promise<unknown>])[] = [
  [
    'the API',
    { limits: { maxTokens: 12_000 } },
    'maxTokens',
    (id) => resume(id, { limits: { maxTokens: 10_000_000 } }),
  ],
  [
    'the command line',
    { limits: { maxCostUsd: 0.1 }, model: { id: 'lines', cost } },
    'maxCostUsd',
    async (id) => {
      const resuming = command(['resume', id, '--max-cost-usd', '50.5'], { HOLDFAST_URL: setting.holdfast.url });
      expect([await resuming.exit, resuming.stderr()]).toEqual([0, '']);
    },
  ],
  [
    'a signal',
    { limits: { maxWallMs: 1000 } },
    'maxWallMs',
    async (id) => {
      const signal = ['workflow', 'signal', '--workflow-id', `session/${id}`, '--name', 'resume'];
      const input = JSON.stringify({ limits: { maxWallMs: 600_000 } });
      const address = ['--address', setting.holdfast.temporalAddress];
      await run(findTemporalCli(process.env) ?? 'temporal', [...signal, '--input', input, ...address]);
    },
  ],
];

test.each(ways)('a limit that is reached is raised by %s, and nothing is lost', async (how, changes, limit, raise) => {
  const { holdfast, webhooks } = setting;
  const name = how.replaceAll(' ', '-');
  const id = await begin(name, changes);
  const paused = await holdfast.reach(id, 'PAUSED', 'COMPLETE', 'FAILED');
  expect(paused.pause).toMatchObject({ reason: 'budget_reached', code: 'BUDGET_REACHED', details: { limit } });
  const { turns } = paused.usage;
  expect(turns).toBeGreaterThan(0);
  expect(turns).toBeLessThan(LINES);
  await until(() =>
    webhooks.received.some(
      ({ payload }) => payload.session_id === id && (payload.data as Paused).pause?.reason === 'budget_reached',
    ),
  );
  await raise(id);
  const done = await holdfast.reach(id, 'COMPLETE', 'FAILED');
  expect(done).toMatchObject({ state: 'COMPLETE', usage: { turns: expect.any(Number) } });
  // A command that was cut short by the limit of time is told so and not made good by the script.
  const written = setting.fileAt(name, done.result.branch, 'lines.txt') ?? '';
  if (limit === 'maxWallMs') expect(written.split('\n').length).toBeGreaterThan(LINES - 1);
  else expect(written).toBe(lines);
});

interface Paused {
  readonly pause?: { readonly reason: string };
}

test('a key that is rotated in mid-run counts at once, from the file of the server and from a resume', async () => {
  const { holdfast, fileAt } = setting;
  for (const [name, cure] of [
    ['key-of-the-server', () => writeFileSync(keyFile, canaries.modelKey)],
    ['key-of-the-session', () => undefined],
  ] as const) {
    writeFileSync(keyFile, canaries.modelKey);
    const id = await begin(name, {});
    await until(async () => (await holdfast.session(id)).usage.turns >= 2);
    writeFileSync(keyFile, 'canary-wrong-key');
    const paused = await holdfast.reach(id, 'PAUSED', 'COMPLETE', 'FAILED');
    expect(paused.pause).toMatchObject({ reason: 'credentials', code: 'MODEL_AUTH_FAILED' });
    cure();
    const credentials = name === 'key-of-the-session' ? { credentials: { modelApiKey: canaries.modelKey } } : {};
    expect((await resume(id, credentials)).status).toBe(202);
    const done = await holdfast.reach(id, 'COMPLETE', 'FAILED');
    expect(done.state).toBe('COMPLETE');
    expect(fileAt(name, done.result.branch, 'lines.txt')).toBe(lines);
  }
});
