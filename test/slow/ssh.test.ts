import { afterAll, beforeAll, expect, test } from 'vitest';
import { LINES } from '../e2e/scenarios.ts';
import { until } from '../support/holdfast.ts';
import { startSetting, type Setting } from '../support/scripted-setting.ts';
import { startSshServer, type SshServer } from '../support/ssh-server.ts';

let setting: Setting;
beforeAll(async () => {
  setting = await startSetting({ TURNS_PER_CHUNK: '3' });
});
afterAll(() => setting.stop());

/** A repository over SSH, by the name of this machine, so that the address is looked up and checked. */
async function repositoryOver(ssh: SshServer, name: string) {
  await setting.git.createRepository(name, { 'README.md': '# sample\n' });
  const repoUrl = ssh.urlOf(setting.git.pathOf(name)).replace('127.0.0.1', 'localhost');
  const named = (knownHosts: string) => knownHosts.replace('127.0.0.1', 'localhost');
  const credentials = { sshKey: ssh.key, knownHosts: named(ssh.knownHosts) };
  return { credentials, named, repoUrl };
}

test('a whole session over SSH: cloned with a key, killed, gone on, pushed, and the commit read back', async () => {
  const { fileAt, holdfast, remoteSha, request } = setting;
  const { credentials, repoUrl } = await repositoryOver(await startSshServer(), 'over-ssh');
  const id = await holdfast.create(request('lines', repoUrl, { source: { repoUrl, credentials } }));
  await until(async () => (await holdfast.session(id)).usage.turns >= 4, 60_000);
  await holdfast.kill('worker');
  const done = await holdfast.reach(id, 'COMPLETE', 'FAILED', 'PAUSED');
  expect(done).toMatchObject({ state: 'COMPLETE', usage: { turns: LINES + 1 } });
  expect(remoteSha('over-ssh', done.result.branch)).toBe(done.result.commit);
  const wanted = Array.from({ length: LINES }, (_, index) => `${index}\n`).join('');
  expect(fileAt('over-ssh', done.result.branch, 'lines.txt')).toBe(wanted);
});

test('another host key, an unknown host and a key that is not let in are told at the door, and nothing is begun', async () => {
  const { holdfast, request } = setting;
  const ssh = await startSshServer();
  const { credentials, named, repoUrl } = await repositoryOver(ssh, 'refused');
  const refusals = [
    [{ ...credentials, knownHosts: named(ssh.wrongKnownHosts) }, 'HOST_KEY_CHANGED'],
    [{ ...credentials, knownHosts: 'elsewhere.example ssh-ed25519 AAAA' }, 'HOST_UNTRUSTED'],
    [{ ...credentials, sshKey: ssh.strangersKey }, 'REPOSITORY_AUTH_FAILED'],
  ] as const;
  const before = (await holdfast.call('GET', '/api/sessions')).body.data.items.length;
  for (const [given, code] of refusals) {
    const refused = await holdfast.call(
      'POST',
      '/api/sessions',
      request('lines', repoUrl, { source: { repoUrl, credentials: given } }),
    );
    expect(refused.body).toMatchObject({ success: false, error: { code, remedy: expect.any(String) } });
  }
  expect((await holdfast.call('GET', '/api/sessions')).body.data.items).toHaveLength(before);
});

test('a key that may read and not push is told in preflight, before a turn is paid', async () => {
  const { holdfast, request } = setting;
  const { credentials, repoUrl } = await repositoryOver(await startSshServer({ readOnly: true }), 'read-only');
  const id = await holdfast.create(request('lines', repoUrl, { source: { repoUrl, credentials } }));
  await until(async () => (await holdfast.session(id)).stage === 'awaiting_input');
  const { items } = (await holdfast.call('GET', `/api/sessions/${id}/contract`)).body.data;
  const missing = JSON.stringify(items.filter(({ state }: { state: string }) => state === 'missing'));
  expect(missing).toContain('marked as read only');
  expect((await holdfast.session(id)).usage.turns).toBe(0);
  await holdfast.call('POST', `/api/sessions/${id}/abort`, {});
});
