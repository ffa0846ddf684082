import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { canary } from '../support/canary-scan.ts';
import { openDirectory } from '../support/open-directory.ts';
import { canaries, startSetting, type Setting } from '../support/scripted-setting.ts';

// A server that others can reach: everything private is closed to it, this machine first of all.
let setting: Setting;
beforeAll(async () => {
  setting = await startSetting({ API_KEYS: canary('api-key'), ALLOWED_ROOTS: tmpdir() });
});
afterAll(() => setting.stop());

/** A task on a local directory: nothing but its model has an address. */
function request(model: object): object {
  const workingDir = openDirectory();
  writeFileSync(join(workingDir, 'README.md'), '# sample\n');
  return { userPrompt: 'mark it please', workingDir, delivery: 'patch', model, auto: true };
}

const requestsOf = async (scenario: string) =>
  (await setting.model.journal()).filter((entry) => entry.scenario === scenario).length;

test("the operator's own model is reached where it is, and one that a task names is not led there", async () => {
  const { holdfast, model } = setting;
  const own = await holdfast.create(request({ id: 'marked' }));
  expect(await holdfast.reach(own, 'COMPLETE', 'FAILED', 'PAUSED')).toMatchObject({ state: 'COMPLETE' });

  const elsewhere = (baseUrl: string) => request({ id: 'lines', baseUrl, apiKey: canaries.modelKey });
  // Its address shows only when the name is looked up.
  const named = await holdfast.create(elsewhere(model.url.replace('127.0.0.1', 'localhost')));
  const paused = await holdfast.reach(named, 'COMPLETE', 'FAILED', 'PAUSED');
  expect(paused).toMatchObject({ state: 'PAUSED', usage: { turns: 0 }, pause: { code: 'MODEL_REJECTED' } });
  expect(paused.pause.remedy).toContain('OUTBOUND_PRIVATE_NETWORKS');
  for (const host of ['127.0.0.1', '2130706433', '[::ffff:7f00:1]', '169.254.169.254']) {
    const { body, status } = await holdfast.call('POST', '/api/sessions', elsewhere(`http://${host}:1234`));
    expect([status, body.error.details.faults]).toMatchObject([422, [{ path: 'model.baseUrl' }]]);
  }
  expect(await requestsOf('lines')).toBe(0);
});

test.each([
  'https://localhost/app.git',
  'http://169.254.169.254/latest',
  'ssh://git@localhost/app.git',
  'git@localhost:app.git',
  'ssh://git@[::1]:22/app.git',
])('a repository at %s is refused at the door', async (repoUrl) => {
  const sshKey = '-----BEGIN OPENSSH PRIVATE KEY-----\nx\n-----END OPENSSH PRIVATE KEY-----';
  const credentials = repoUrl.startsWith('http') ? {} : { sshKey, knownHosts: 'localhost ssh-ed25519 AAAA' };
  const source = { repoUrl, credentials };
  const { body } = await setting.holdfast.call('POST', '/api/sessions', { userPrompt: 'x', source });
  expect(body).toMatchObject({
    success: false,
    error: { code: 'INVALID_REPOSITORY_URL', remedy: expect.stringContaining('OUTBOUND_PRIVATE_NETWORKS') },
  });
});
