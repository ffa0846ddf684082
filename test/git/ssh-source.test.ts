import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { expect, test } from 'vitest';
import { probeRemote } from '../../src/git/probe-remote.ts';
import { startSshServer } from '../support/ssh-server.ts';
import { gitSetting } from './setting.ts';

async function overSsh(options: { readonly readOnly?: boolean } = {}) {
  const setting = await gitSetting();
  const ssh = await startSshServer(options);
  await setting.server.createRepository('app', { 'a.txt': 'one\n' });
  const url = ssh.urlOf(setting.server.pathOf('app'));
  const credentials = { sshKey: ssh.key, knownHosts: ssh.knownHosts };
  return { ...setting, ssh, url, source: { kind: 'repository', url } as const, credentials };
}

test('a repository over SSH is brought in, a push to it is tried, made, and found done', async () => {
  const { git, source, credentials } = await overSsh();
  const base = await git.prepare('ses_1', source, credentials);
  expect(base.ref).toBe('refs/heads/main');
  expect(await git.open('ses_1').listFiles(base.tree)).toEqual(['a.txt']);
  const push = { sessionId: 'ses_1', source, branch: 'feat/x', commit: base.commit, credentials };
  await git.probePush(push);
  expect(await git.remoteHead(push)).toBeNull();
  await git.push({ ...push, expected: null });
  await git.push({ ...push, expected: null });
  expect(await git.remoteHead(push)).toBe(base.commit);
});

test('the form user@host:path is taken over SSH to port 22, which it cannot name otherwise', async () => {
  const { ssh, server, credentials } = await overSsh();
  const url = `${ssh.user}@127.0.0.1:${server.pathOf('app').slice(1)}`;
  await expect(probeRemote({ url, credentials })).rejects.toThrow(/port 22: Connection refused|Host key verification/);
});

test('an unknown host, a host with another key and a key that is refused are told apart, and none is retried', async () => {
  const { url, ssh } = await overSsh();
  const sshKey = ssh.key;
  const codes = [
    [{ sshKey, knownHosts: 'elsewhere.example ssh-ed25519 AAAA' }, 'HOST_UNTRUSTED'],
    [{ sshKey, knownHosts: ssh.wrongKnownHosts }, 'HOST_KEY_CHANGED'],
    [{ sshKey, knownHosts: `@revoked ${ssh.knownHosts}` }, 'HOST_KEY_CHANGED'],
    [{ sshKey: ssh.strangersKey, knownHosts: ssh.knownHosts }, 'REPOSITORY_AUTH_FAILED'],
    [{ sshKey: 'no key', knownHosts: ssh.knownHosts }, 'REPOSITORY_AUTH_FAILED'],
    [{ knownHosts: ssh.knownHosts }, 'REPOSITORY_AUTH_FAILED'],
  ] as const;
  for (const [credentials, code] of codes) {
    await expect(probeRemote({ url, credentials })).rejects.toMatchObject({ code, class: 'auth', retryable: false });
  }
});

test('a key that may only read is found by the dry run', async () => {
  const { git, source, credentials } = await overSsh({ readOnly: true });
  const base = await git.prepare('ses_1', source, credentials);
  const push = { sessionId: 'ses_1', source, branch: 'feat/x', commit: base.commit, credentials };
  await expect(git.probePush(push)).rejects.toMatchObject({ code: 'REPOSITORY_AUTH_FAILED' });
});

test('a repository that is not there, and a host that does not answer, are unreachable', async () => {
  const { url, credentials } = await overSsh();
  for (const remote of [url.replace('app', 'none'), url.replace(/:\d+\//, ':1/')]) {
    await expect(probeRemote({ url: remote, credentials })).rejects.toMatchObject({ code: 'REPOSITORY_UNREACHABLE' });
  }
});

test('the key is in no process list or environment, in a file of ours alone while git runs, and nowhere after', async () => {
  const { url, credentials } = await overSsh();
  const secret = credentials.sshKey.split('\n')[3] ?? '';
  expect(secret.length).toBeGreaterThan(20);
  const seen: string[] = [];
  const kept = (): string[] =>
    readdirSync('/dev/shm').filter((name) => name.startsWith(`holdfast-git-${process.pid}-`));
  let running = true;
  const probing = probeRemote({ url, credentials }).finally(() => (running = false));
  const modes = new Set<number>();
  while (running) {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
      for (const file of ['cmdline', 'environ']) seen.push(read(`/proc/${pid}/${file}`));
    for (const name of kept()) modes.add(modeOf(`/dev/shm/${name}/key`));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await probing;
  expect(seen.some((text) => text.includes('ls-remote'))).toBe(true);
  expect(seen.join('\n')).not.toContain(secret);
  modes.delete(0);
  expect([...modes]).toEqual([0o600]);
  expect(kept()).toEqual([]);
});

test('what a killed process left of a key is removed by the next command', async () => {
  const { url, credentials } = await overSsh();
  const left = '/dev/shm/holdfast-git-4194304-left'; // The kernel gives no such number to a process: see proc_sys_kernel(5), pid_max.
  mkdirSync(left, { recursive: true });
  await probeRemote({ url, credentials });
  expect(existsSync(left)).toBe(false);
});

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // Gone since it was listed.
  }
}

function modeOf(path: string): number {
  return (statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o777;
}
