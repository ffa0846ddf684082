import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/holdfast.ts';
import { startSetting, type Setting } from '../support/scripted-setting.ts';
import { LINES } from '../e2e/scenarios.ts';

const HOUR_MS = 3_600_000;
const directory = mkdtempSync(join(tmpdir(), 'holdfast-clock-'));
const offsetFile = join(directory, 'offset');
const jump = (hours: number): void => writeFileSync(offsetFile, String(hours * HOUR_MS));

let setting: Setting;
beforeAll(async () => {
  jump(0);
  const preload = join(import.meta.dirname, '..', 'support', 'shifted-clock.ts');
  setting = await startSetting({
    TURNS_PER_CHUNK: '3',
    NODE_OPTIONS: `--import=${preload}`,
    CLOCK_OFFSET_FILE: offsetFile,
  });
});
afterAll(async () => {
  await setting.stop();
  rmSync(directory, { recursive: true });
});

interface Event {
  readonly seq: number;
  readonly type: string;
  readonly at: number;
  readonly data: { readonly turn?: number };
}

test('the wall clock jumps hours ahead and back while a session runs: no limit, lease or order notices', async () => {
  const { git, holdfast, model, request } = setting;
  const repoUrl = await git.createRepository('jumps', { 'README.md': '# x\n' });
  const limits = { maxWallMs: 2 * 60_000 };
  const id = await holdfast.create(request('lines', repoUrl, { webhook: undefined, limits }));
  const reachTurn = (turn: number) => until(async () => (await holdfast.session(id)).usage.turns >= turn, 60_000);
  await reachTurn(2);
  jump(5);
  await reachTurn(4);
  expect((await holdfast.call('POST', `/api/sessions/${id}/pause`, {})).status).toBe(202);
  await holdfast.reach(id, 'PAUSED');
  jump(-7);
  expect((await holdfast.call('POST', `/api/sessions/${id}/resume`, {})).status).toBe(202);
  const done = await holdfast.reach(id, 'COMPLETE', 'FAILED');
  expect(done).toMatchObject({ state: 'COMPLETE', usage: { turns: LINES + 1 } });
  expect((await model.journal()).filter(({ asked }) => asked === 'turn').map(({ turn }) => turn)).toEqual(
    Array.from({ length: LINES + 1 }, (_, turn) => turn),
  );
  const events = (await holdfast.call('GET', `/api/sessions/${id}/events`)).body.data.items as Event[];
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  const turns = events.filter(({ type }) => type === 'turn');
  expect(turns.map(({ data }) => data.turn)).toEqual(turns.map((_, index) => index + 1));
  const times = turns.map(({ at }) => at);
  expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(10 * HOUR_MS); // The clock did jump.
  const report = (await holdfast.call('GET', `/api/sessions/${id}/report`)).body.data as { usage: { wallMs: number } };
  expect(report.usage.wallMs).toBeLessThan(limits.maxWallMs);
});
