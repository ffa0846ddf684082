import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort, startEmbeddedServer, type EmbeddedServer } from '../../src/temporal/embedded-server.ts';
import { until } from '../support/holdfast.ts';
import { startSetting, type Setting } from '../support/scripted-setting.ts';
import { LINES } from '../e2e/scenarios.ts';

/**
 * Longer than the SDK tries to hand over what an activity gave (10 s). `npm run test:outages` takes half a minute and five minutes as
 * well: longer than the heartbeat timeout.
 */
const seconds = (process.env['OUTAGE_SECONDS'] ?? '15').split(',').map(Number);

const directory = mkdtempSync(join(tmpdir(), 'holdfast-temporal-'));
let setting: Setting;
let temporal: EmbeddedServer;
let startTemporal: () => Promise<EmbeddedServer>;
beforeAll(async () => {
  const options = { directory, port: await freePort(), uiPort: await freePort() };
  startTemporal = () => startEmbeddedServer(options);
  temporal = await startTemporal();
  setting = await startSetting({ TURNS_PER_CHUNK: '6', TEMPORAL_ADDRESS: temporal.address });
});
afterAll(async () => {
  await setting.stop();
  await temporal.stop();
  rmSync(directory, { recursive: true, force: true });
});

test.each(seconds)(
  'Temporal is away for %d s: what was done meanwhile is kept and not done again, reads answer, writes say when to come back',
  async (outage) => {
    const { git, holdfast, model, request } = setting;
    const name = `away-${outage}`;
    const id = await holdfast.create(request('lines', await git.createRepository(name, { 'README.md': '# x\n' })));
    const since = Date.now();
    const turns = async () => (await holdfast.session(id)).usage.turns as number;
    await until(async () => (await turns()) >= 2, 60_000);
    process.kill(temporal.pid, 'SIGKILL');
    await temporal.exited;
    await until(async () => (await turns()) === 6); // The chunk comes to its border, and nobody can be told.
    const refused = await holdfast.call('POST', `/api/sessions/${id}/pause`, {});
    expect(refused).toMatchObject({ status: 503, body: { error: { code: 'TEMPORAL_UNAVAILABLE', retryable: true } } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await holdfast.call('GET', `/api/sessions/${id}/events`)).status).toBe(200);
    expect((await holdfast.session(id)).state).toBe('EXECUTING');
    await sleep(outage * 1000);
    temporal = await startTemporal();
    const back = performance.now();
    const done = await holdfast.reach(id, 'COMPLETE', 'FAILED');
    expect(done).toMatchObject({ state: 'COMPLETE', usage: { turns: LINES + 1 } });
    expect(performance.now() - back).toBeLessThan(45_000); // Lost, it would be missed a minute after its last heartbeat.
    const lines = Array.from({ length: LINES }, (_, index) => `${index}\n`).join('');
    expect(setting.fileAt(name, done.result.branch, 'lines.txt')).toBe(lines);
    const asked = (await model.journal()).filter((entry) => entry.asked === 'turn' && entry.at >= since);
    expect(asked.map(({ turn }) => turn)).toEqual(Array.from({ length: LINES + 1 }, (_, turn) => turn));
  },
  (Math.max(...seconds) + 150) * 1000,
);
