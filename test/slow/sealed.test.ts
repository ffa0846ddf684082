import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { findTemporalCli } from '../../scripts/setup/temporal-cli.mjs';
import { idOf } from '../../src/sealing/key-ring.ts';
import { createClient } from '../../src/temporal/connection.ts';
import { LINES } from '../e2e/scenarios.ts';
import { leaksIn, leaksInFile, type Canaries } from '../support/canary-scan.ts';
import { until } from '../support/holdfast.ts';
import { canaries, startSetting, type Setting } from '../support/scripted-setting.ts';
import { startSecondWorker } from '../support/second-worker.ts';

const master = randomBytes(32);
let setting: Setting;
beforeAll(async () => {
  const keys = { TEMPORAL_ENCRYPTION: 'true', MASTER_KEY: master.toString('base64') };
  setting = await startSetting({ ...keys, TURNS_PER_CHUNK: '3' });
});
afterAll(() => setting.stop());

interface WirePayload {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly data: string;
}

/** All payloads of a history as somebody gets it who has no key, in the words of the Web UI; and everything else in it that is text. */
async function historyOf(sessionId: string): Promise<{ readonly payloads: WirePayload[]; readonly text: string }> {
  const { connection, workflowService } = createClient({
    connectionOptions: { address: setting.holdfast.temporalAddress },
    namespace: 'default',
  });
  onTestFinished(() => connection.close());
  const execution = { workflowId: `session/${sessionId}` };
  const { history } = await workflowService.getWorkflowExecutionHistory({ namespace: 'default', execution });
  const payloads: WirePayload[] = [];
  const texts: string[] = [];
  const walk = (part: unknown): void => {
    if (part instanceof Uint8Array) texts.push(Buffer.from(part).toString('latin1'));
    if (typeof part === 'string') texts.push(part);
    if (typeof part !== 'object' || part === null || part instanceof Uint8Array) return;
    if ('data' in part && part.data instanceof Uint8Array && 'metadata' in part) payloads.push(wireOf(part));
    for (const inner of Object.values(part)) walk(inner);
  };
  walk(history);
  return { payloads, text: texts.join('\n') };
}

function wireOf({ data, metadata }: object & { readonly data?: unknown; readonly metadata?: unknown }): WirePayload {
  const based = (bytes: unknown) => Buffer.from(bytes as Uint8Array).toString('base64');
  const names = Object.entries(Object(metadata) as object).map(([name, value]) => [name, based(value)]);
  return { metadata: Object.fromEntries(names) as Record<string, string>, data: based(data) };
}

/** What a page of Temporal's Web UI does: it asks whether it may, and has payloads decoded by the endpoint that its server names. */
async function decodeAsWebUi(payloads: readonly WirePayload[]): Promise<string> {
  const origin = `http://127.0.0.1:${setting.holdfast.env['TEMPORAL_UI_PORT']}`;
  const settings = (await (await fetch(`${origin}/api/v1/settings`)).json()) as { Codec: { Endpoint: string } };
  const url = `${settings.Codec.Endpoint}/decode`;
  const asking = {
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'content-type,x-namespace',
  };
  const asked = await fetch(url, { method: 'OPTIONS', headers: { origin, ...asking } });
  const answers = ['origin', 'headers', 'credentials'].map((name) => asked.headers.get(`access-control-allow-${name}`));
  expect(answers).toEqual([origin, expect.stringContaining('x-namespace'), 'true']);
  const headers = { origin, 'content-type': 'application/json', 'x-namespace': 'default' };
  const answer = await fetch(url, {
    method: 'POST',
    headers,
    body: JSON.stringify({ payloads }),
    credentials: 'include',
  });
  expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([200, origin]);
  const decoded = ((await answer.json()) as { payloads: WirePayload[] }).payloads;
  expect(decoded).toHaveLength(payloads.length);
  return decoded.map(({ data }) => Buffer.from(data, 'base64').toString('utf8')).join('\n');
}

/** What Temporal's own command shows of a history; with the endpoint, as somebody who has it decoded. */
async function shownByCommand(sessionId: string, ...options: string[]): Promise<string> {
  const { env, temporalAddress } = setting.holdfast;
  const args = ['workflow', 'show', '--workflow-id', `session/${sessionId}`, '--address', temporalAddress];
  const command = findTemporalCli(env) ?? 'temporal';
  const { stdout } = await promisify(execFile)(command, [...args, '--output', 'json', ...options], {
    maxBuffer: 2 ** 26,
  });
  return stdout;
}

/** Temporal's files below the data directory: database, log, caches of bundles. */
function leaksOfTemporal(words: Canaries): string[] {
  const { dataDir } = setting.holdfast;
  const files = readdirSync(dataDir).filter((name) => name.startsWith('temporal.'));
  expect(files).toContain('temporal.db');
  return [...new Set(files.flatMap((name) => leaksInFile(join(dataDir, name), name, words)))];
}

test('a whole session whose worker is killed leaves nothing with Temporal that is read without the keys; its Web UI reads it', async () => {
  const { fileAt, git, holdfast, remoteSha, request } = setting;
  const repoUrl = await git.createRepository('sealed', { 'README.md': '# sample\n' });
  const prompt = `canary-prompt-${randomBytes(12).toString('hex')}`;
  const answer = `canary-answer-${randomBytes(12).toString('hex')}`;
  const id = await holdfast.create(request('asks-lines', repoUrl, { userPrompt: `Do it, ${prompt}.` }));
  await until(async () => (await holdfast.session(id)).stage === 'awaiting_input');
  const supplied = await holdfast.call('POST', `/api/sessions/${id}/preflight`, { answers: { q1: answer } });
  expect(supplied.body.data).toMatchObject({ canProceed: true });
  await until(async () => (await holdfast.session(id)).usage.turns >= 4, 60_000);
  await holdfast.kill('worker');
  const done = await holdfast.reach(id, 'COMPLETE', 'FAILED');
  expect(done).toMatchObject({ state: 'COMPLETE', usage: { turns: LINES + 1 } });
  expect(fileAt('sealed', done.result.branch, 'lines.txt')).toBe(
    Array.from({ length: LINES }, (_, index) => `${index}\n`).join(''),
  );
  expect(remoteSha('sealed', done.result.branch)).toBe(done.result.commit);

  const through = {
    answer,
    missing: 'Target directory not specified',
    digest: done.snapshot.digest,
    branch: done.result.branch,
  };
  const never = { prompt, file: 'lines.txt', master: master.toString('base64'), ...canaries };
  const { payloads, text } = await historyOf(id);
  const decoded = await decodeAsWebUi(payloads);
  expect(Object.values(through).filter((word) => !decoded.includes(word))).toEqual([]);
  expect(Object.values(never).filter((word) => decoded.includes(word))).toEqual([]);
  const shown = await shownByCommand(id, '--codec-endpoint', `${holdfast.url}/v1/codec`);
  expect(leaksIn('shown', shown, { answer })).toEqual(['answer in shown']);
  expect(leaksIn('shown', await shownByCommand(id), { answer })).toEqual([]);
  const words = {
    ...through,
    ...never,
    base: (await holdfast.call('GET', `/api/sessions/${id}/snapshot`)).body.data.snapshot.base.commit,
  };
  expect([...leaksIn('history', text, words), ...leaksOfTemporal(words)]).toEqual([]);
});

test('a worker that has another key than the rest ends with the words what it lacks, and what runs goes on', async () => {
  const { git, holdfast, request } = setting;
  const other = randomBytes(32).toString('base64');
  const lost = startSecondWorker(holdfast, { MASTER_KEY: other });
  onTestFinished(() => lost.then((worker) => worker.stop()).catch(() => undefined));
  await expect(lost).rejects.toThrow(`sealed with the master key ${idOf(master)}, which this process has not`);
  await expect(lost).rejects.toThrow('MASTER_KEY_FILE');
  const both = await startSecondWorker(holdfast, { MASTER_KEY: `${other},${master.toString('base64')}` });
  await both.stop();
  const repoUrl = await git.createRepository('goes-on', { 'README.md': '#\n' });
  const id = await holdfast.create(request('marked', repoUrl));
  expect(await holdfast.reach(id, 'COMPLETE', 'FAILED')).toMatchObject({ state: 'COMPLETE' });
});
