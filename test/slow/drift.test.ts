import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/holdfast.ts';
import { startSetting, type Setting } from '../support/scripted-setting.ts';

let setting: Setting;
let root: string;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-drift-'));
  chmodSync(root, 0o755);
  setting = await startSetting({ TURNS_PER_CHUNK: '2', ALLOWED_ROOTS: root });
});
afterAll(async () => {
  await setting.stop();
  rmSync(root, { recursive: true, force: true });
});

test('a local directory that somebody changes meanwhile is told early and never overwritten; the work is kept as a patch', async () => {
  const { holdfast, request, webhooks } = setting;
  const project = join(root, 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'README.md'), '# as frozen\n');
  const { source: _source, ...body } = request('lines', 'https://unused.example.test') as { source: object };
  const id = await holdfast.create({ ...body, workingDir: project });
  await until(async () => (await holdfast.session(id)).state === 'EXECUTING', 60_000);
  writeFileSync(join(project, 'README.md'), '# changed by somebody\n');
  const events = async () =>
    (await holdfast.call('GET', `/api/sessions/${id}/events`)).body.data.items as { type: string; data: object }[];
  await until(async () => (await events()).some(({ type }) => type === 'drift'), 60_000);
  expect((await holdfast.session(id)).state).toBe('EXECUTING');
  const done = await holdfast.reach(id, 'COMPLETE', 'FAILED');
  expect(done).toMatchObject({ state: 'FAILED', failure: { code: 'DIRECTORY_CHANGED' } });
  expect(readFileSync(join(project, 'README.md'), 'utf8')).toBe('# changed by somebody\n');
  const drift = (await events()).filter(({ type }) => type === 'drift').map(({ data }) => data);
  expect(drift).toMatchObject([{ what: 'directory', paths: ['README.md'] }]);
  expect((await holdfast.call('GET', `/api/sessions/${id}/diff`)).body).toContain('+++ b/lines.txt');
  const mine = () => webhooks.received.filter(({ payload }) => payload.session_id === id);
  await until(() => mine().some(({ payload }) => payload.status === 'failed'));
  expect(mine().find(({ payload }) => payload.status === 'failed')?.payload.data).toMatchObject({ drift });
});
