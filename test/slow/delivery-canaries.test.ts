import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { deliveryOf } from '../api/forge-deliveries.ts';
import { canary, leaksBelow, leaksIn, leaksOf, ProcessSampler, type Canaries } from '../support/canary-scan.ts';
import { startFakeForge } from '../support/forges/fake-forge.ts';
import { until } from '../support/holdfast.ts';
import { canaries as usual, startSetting } from '../support/scripted-setting.ts';
import { startSshServer } from '../support/ssh-server.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const server = {
  apiKey: canary('api-key'),
  masterKey: randomBytes(32).toString('base64'),
  hookSecret: canary('hook-secret'),
};
const forgeToken = canary('forge-token');

/** A key in the format of OpenSSH, and what is looked for of it: a line that is in the private part alone. */
function privateKey(): { readonly pem: string; readonly line: string } {
  const file = join(temporaryDirectory(), 'key');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', file]);
  const pem = readFileSync(file, 'utf8');
  return { pem, line: lineOf(pem) };
}

function lineOf(pem: string): string {
  const line = pem.split('\n')[4] ?? '';
  expect(line.length).toBeGreaterThan(20);
  return line;
}

/** A command that says a secret which stands nowhere as a whole, also in base64 and percent-encoded. */
const says = (secret: string): string => {
  const halves = `printf '%s%s\\n' ${secret.slice(0, 14)} ${secret.slice(14)}`;
  return `0$ ${halves} | tee /dev/stderr | base64 -w0; ${halves} | od -An -tx1 | tr ' ' %; env; cat /proc/*/cmdline | tr '\\0' ' '`;
};

test('keys of SSH, signatures, forge, API and seal are nowhere but where they belong after a pull request and its follow-up', async () => {
  const signing = privateKey();
  const sampler = new ProcessSampler({ ...usual, ...server, forgeToken, signingKey: signing.line });
  onTestFinished(() => void sampler.stop());
  const setting = await startSetting({
    API_KEYS: server.apiKey,
    MASTER_KEY: server.masterKey,
    FORGE_WEBHOOK_SECRET: server.hookSecret,
    OUTBOUND_PRIVATE_NETWORKS: '127.0.0.0/8,::1/128',
    WEBHOOK_ALLOW_PRIVATE: 'true',
    LOG_LEVEL: 'trace',
  });
  onTestFinished(() => setting.stop());
  const { git, holdfast, remotes, request, webhooks } = setting;
  const ssh = await startSshServer();
  const canaries: Canaries = { ...usual, ...server, forgeToken, signingKey: signing.line, sshKey: lineOf(ssh.key) };
  await git.createRepository('acme/app', { 'README.md': '# sample\n' });
  const repoUrl = ssh.urlOf(git.pathOf('acme/app')).replace('127.0.0.1', 'localhost');
  const repository = git.pathOf('acme/app').replace(/^\/|\.git$/g, '');
  const fake = await startFakeForge('gitea', { token: forgeToken, repository });
  onTestFinished(() => fake.close());

  const task = request('follows', repoUrl, {
    userPrompt: [`My token is ${forgeToken}.`, says(forgeToken), says(usual.modelKey), '0$ echo good > a.txt'].join(
      '\n',
    ),
    source: {
      repoUrl,
      credentials: { sshKey: ssh.key, knownHosts: ssh.knownHosts.replace('127.0.0.1', 'localhost') },
    },
    acceptance: [`${says(forgeToken).slice(3)}; test -f a.txt`],
    delivery: 'pull_request',
    forge: { kind: 'gitea', baseUrl: fake.url },
    pullRequest: { followUps: true },
    forgeToken,
    signingKey: signing.pem,
  });
  const first = await holdfast.create(task);
  const done = await holdfast.reach(first, 'COMPLETE', 'FAILED', 'PAUSED');
  expect(done).toMatchObject({ state: 'COMPLETE', result: { pullRequest: { draft: false } } });
  expect(setting.remoteSha('acme/app', done.result.branch)).toBe(done.result.commit);
  const text = `/holdfast once more\n${says(forgeToken)}\n0$ echo better > a.txt`;
  const comment = { url: done.result.pullRequest.url, text, author: 'ada' };
  const signed = deliveryOf('gitea', 'comment', comment, { id: 'd-1', secret: server.hookSecret });
  const taken = await fetch(`${holdfast.url}/v1/forges/gitea/webhook`, { method: 'POST', ...signed });
  const { data } = (await taken.json()) as { data: { sessionId: string } };
  expect(await holdfast.reach(data.sessionId, 'COMPLETE', 'FAILED', 'PAUSED')).toMatchObject({ state: 'COMPLETE' });

  const ids = [first, data.sessionId];
  const isTold = (id: string) =>
    webhooks.received.some(({ payload }) => payload.session_id === id && payload.state === 'COMPLETE');
  await until(() => ids.every(isTold));
  const shown: string[] = [];
  for (const id of ids)
    for (const what of [
      '',
      '/events',
      '/transcript',
      '/transcript?format=html',
      '/report',
      '/contract',
      '/snapshot',
      '/bundle',
      '/diff',
      '/artifacts',
    ])
      shown.push(JSON.stringify((await holdfast.call('GET', `/api/sessions/${id}${what}`)).body));
  await holdfast.drain();
  expect(shown.join('').match(/\[redacted:forge\.token\]/g)?.length ?? 0).toBeGreaterThan(5);
  expect(sampler.sandboxed).toBeGreaterThan(10);
  expect([
    ...sampler.stop(),
    ...leaksOf(holdfast, { answers: shown, webhooks: webhooks.received }, canaries),
    ...leaksIn('the forge', JSON.stringify([fake.state.requests, fake.state.comments]), canaries),
    ...leaksBelow(remotes, canaries),
  ]).toEqual([]);
});
