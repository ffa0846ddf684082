import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { deflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { startGitHttpServer } from '../../src/demo/git-http-server.ts';
import { Holdfast, until } from '../support/holdfast.ts';
import { canary, leaksBelow, leaksOf, ProcessSampler, type Canaries } from '../support/canary-scan.ts';
import { spawnScriptedModel } from '../support/scripted-model/process.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { startWebhookReceiver } from '../support/webhook-receiver.ts';

const canaries: Canaries = {
  serverKey: canary('server-key'),
  sessionKey: canary('session-key'),
  newKey: canary('new-key'),
  gitToken: canary('git-token'),
  webhookSecret: `whsec_${randomBytes(32).toString('base64')}`,
};
const { serverKey = '', sessionKey = '', newKey = '', gitToken = '', webhookSecret = '' } = canaries;

/** A command that says a secret which stands nowhere as a whole: the two halves come with the prompt. */
const says = (secret: string, then = '') => `printf '%s%s\\n' ${secret.slice(0, 14)} ${secret.slice(14)}${then}`;
/** Everything that commands in the sandbox can find out about themselves and their parents. */
const SNOOPS =
  'env; cat /proc/self/environ /proc/1/environ /proc/*/cmdline | tr "\\0" " "; cat ~/.netrc /root/.git-credentials';

test('no credential is anywhere but where it is sealed, after sessions that do all they can to spread them', async () => {
  const root = mkdtempSync(join(tmpdir(), 'holdfast-canaries-'));
  chmodSync(root, 0o755);
  const model = await spawnScriptedModel(join(import.meta.dirname, '..', 'e2e', 'scenarios.ts'));
  const git = await startGitHttpServer({ root, user: 'git', token: gitToken });
  const webhooks = await startWebhookReceiver({ secret: () => webhookSecret });
  const sampler = new ProcessSampler(canaries);
  const env = { LLM_PROVIDER: 'anthropic', LLM_BASE_URL: model.url, LLM_API_KEY: serverKey, LOG_LEVEL: 'trace' };
  const holdfast = await Holdfast.start({ ...env, MODEL_BACKOFF_MS: '100', WEBHOOK_BACKOFF_MS: '100' });
  const shown: string[] = [];
  try {
    const begin = async (name: string, changes: object = {}, key = sessionKey) => {
      const repoUrl = await git.createRepository(name, { 'README.md': '# sample\n' });
      return holdfast.create({
        userPrompt: [
          `My token is ${gitToken}, do not tell anybody.`,
          `0$ ${says(gitToken, ' | tee /dev/stderr | base64')}; ${says(key)}`,
          `0$ ${SNOOPS}`,
          '0$ echo good > a.txt',
        ].join('\n'),
        source: { repoUrl, credentials: { username: 'git', token: gitToken } },
        model: { id: 'follows', apiKey: sessionKey },
        webhook: { url: webhooks.url, secret: webhookSecret },
        acceptance: [`${says(gitToken)}; ${says(key)}; test -f a.txt`],
        auto: true,
        ...changes,
      });
    };
    const done = await begin('done');
    const red = await begin('red', { acceptance: [`${says(gitToken)} >&2; exit 1`], limits: { maxIterations: 0 } });
    const servers = await begin('servers', { model: { id: 'follows' } }, serverKey);
    await model.planFaults([{ scenario: 'lines', asked: 'turn', turn: 2, fault: { kind: 'status', status: 401 } }]);
    const paused = await begin('paused', { model: { id: 'lines', apiKey: sessionKey }, acceptance: [says(gitToken)] });
    expect((await holdfast.reach(paused, 'PAUSED', 'FAILED')).pause).toMatchObject({ code: 'MODEL_AUTH_FAILED' });
    const credentials = { modelApiKey: newKey, gitToken, gitUsername: 'git' };
    expect((await holdfast.call('POST', `/api/sessions/${paused}/resume`, { credentials })).status).toBe(202);
    for (const id of [done, servers, paused])
      expect((await holdfast.reach(id, 'COMPLETE', 'FAILED')).state).toBe('COMPLETE');
    expect((await holdfast.reach(red, 'COMPLETE', 'FAILED')).failure.code).toBe('CHECKS_FAILED');
    const ids = [done, red, servers, paused];
    const ends = () => webhooks.received.filter(({ payload }) => /COMPLETE|FAILED/.test(payload.state)).length;
    await until(() => ends() >= ids.length);
    for (const id of ids)
      for (const what of ['', '/events', '/transcript', '/report', '/contract', '/snapshot', '/bundle', '/diff'])
        shown.push(JSON.stringify((await holdfast.call('GET', `/api/sessions/${id}${what}`)).body));
    await holdfast.drain();
    // What was said has been seen by the model, but not as it was.
    expect(shown.join('').match(/\[redacted:git\.token\]/g)?.length ?? 0).toBeGreaterThan(10);
    expect(webhooks.received.every(({ verified }) => verified)).toBe(true);
    expect(sampler.sandboxed).toBeGreaterThan(10);
    const told = { answers: shown, webhooks: webhooks.received };
    expect([...sampler.stop(), ...leaksOf(holdfast, told, canaries)]).toEqual([]);
  } finally {
    sampler.stop();
    await holdfast.stop();
    await model.stop();
    await git.close();
    await webhooks.close();
    rmSync(root, { recursive: true, force: true });
  }
}, 180_000);

test('the scan finds a secret that is in a file, in a row, compressed, or encoded, so the test above can fail', () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'deep'));
  writeFileSync(join(directory, 'deep', 'plain'), `x${gitToken}x`);
  writeFileSync(join(directory, 'based'), Buffer.from(`git:${gitToken}`).toString('base64'));
  writeFileSync(
    join(directory, 'packed'),
    Buffer.concat([Buffer.from('PACK'), deflateSync(gitToken), Buffer.from('z')]),
  );
  writeFileSync(join(directory, 'query'), `?secret=${encodeURIComponent(webhookSecret)}&x`);
  writeFileSync(join(directory, 'clean'), 'nothing');
  const db = new DatabaseSync(join(directory, 'rows.db'));
  db.exec('PRAGMA page_size=512; CREATE TABLE a (b BLOB)');
  db.prepare('INSERT INTO a VALUES (?)').run(Buffer.from(`${'x'.repeat(460)}${newKey}`));
  db.close();
  const tokens = ['gitToken in based', 'gitToken in deep/plain', 'gitToken in packed'];
  const wanted = [...tokens, 'newKey in rows.db', 'webhookSecret in query'];
  expect(leaksBelow(directory, canaries).toSorted()).toEqual(wanted);
});
