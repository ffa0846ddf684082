import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { findTemporalCli } from '../../scripts/setup/temporal-cli.mjs';
import { until } from '../support/holdfast.ts';
import { contentOf, namesBelow } from '../support/live-files.ts';
import { canaries, startSetting, type Setting } from '../support/scripted-setting.ts';

let setting: Setting;
beforeAll(async () => {
  setting = await startSetting({ EGRESS_PRIVATE_NETWORKS: '127.0.0.0/8' });
});
afterAll(() => setting.stop());

const files = { 'README.md': '# sample\n' };
const run = promisify(execFile);

async function temporal(...args: string[]): Promise<void> {
  const cli = findTemporalCli(process.env) ?? 'temporal';
  await run(cli, [...args, '--address', setting.holdfast.temporalAddress]);
}

test('missing information is told by preflight, execution is refused until it is supplied by HTTP', async () => {
  const { holdfast, git, request, fileAt } = setting;
  const repoUrl = await git.createRepository('asks-http', files);
  const id = await holdfast.create(request('asks', repoUrl, { auto: false }));
  const early = await holdfast.call('POST', `/api/sessions/${id}/execute`, {});
  expect([early.status, early.body.error.code]).toEqual([409, 'PREFLIGHT_REQUIRED']);

  const asked = await holdfast.call('POST', `/api/sessions/${id}/preflight`, {});
  expect(asked.status).toBe(200);
  expect(asked.body.data).toMatchObject({
    canProceed: false,
    missingInfo: ['Target directory not specified'],
    questions: [{ id: 'q1', question: 'Which directory is meant?', default: null }],
  });
  const refused = await holdfast.call('POST', `/api/sessions/${id}/execute`, {});
  expect(refused.status).toBe(409);
  expect(refused.body.error).toMatchObject({
    code: 'PREFLIGHT_INCOMPLETE',
    details: { missingInfo: ['Target directory not specified'] },
  });

  const answered = await holdfast.call('POST', `/api/sessions/${id}/preflight`, { answers: { q1: 'lib' } });
  expect(answered.body.data).toMatchObject({ canProceed: true, missingInfo: [] });
  const executed = await holdfast.call('POST', `/api/sessions/${id}/execute`, {});
  expect(executed.status).toBe(200);
  expect(executed.body.data.snapshot.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  const late = await holdfast.call('POST', `/api/sessions/${id}/preflight`, { answers: { q1: 'src' } });
  expect([late.status, late.body.error.code]).toSatisfy(
    ([status, code]) => status === 409 && ['CONTRACT_FROZEN', 'SESSION_CLOSED'].includes(code),
  );

  const done = await holdfast.reach(id, 'COMPLETE', 'FAILED');
  expect(done).toMatchObject({ state: 'COMPLETE', snapshot: { digest: executed.body.data.snapshot.digest } });
  expect(fileAt('asks-http', done.result.branch, 'lib/file.txt')).toBe('done\n');
});

test('missing information is supplied and execution started by `temporal workflow signal`', async () => {
  const { holdfast, git, request, fileAt } = setting;
  const repoUrl = await git.createRepository('asks-signal', files);
  const id = await holdfast.create(request('asks', repoUrl, { auto: false }));
  const signal = (name: string, input: object) =>
    temporal('workflow', 'signal', '--workflow-id', `session/${id}`, '--name', name, '--input', JSON.stringify(input));
  await signal('supplyInfo', { requestId: 'cli-1' });
  await until(async () => (await holdfast.session(id)).stage === 'awaiting_input');
  await signal('execute', {});
  const refused = await holdfast.call('POST', `/api/sessions/${id}/execute`, {});
  expect([refused.status, refused.body.error.code]).toEqual([409, 'PREFLIGHT_INCOMPLETE']);
  await signal('supplyInfo', { requestId: 'cli-2', answers: { q1: 'docs' } });
  await signal('execute', { requestId: 'cli-3' });
  const done = await holdfast.reach(id, 'COMPLETE', 'FAILED');
  expect(done.state).toBe('COMPLETE');
  expect(fileAt('asks-signal', done.result.branch, 'docs/file.txt')).toBe('done\n');
});

test.each([
  ['ask-user', 'INTERACTION_ATTEMPTED'],
  ['ask-variant', 'INTERACTION_ATTEMPTED'],
  ['last-words', 'NO_RESULT'],
  ['blocked', 'BLOCKED'],
])('the scenario %s ends FAILED with %s, and its work is kept', async (scenario, code) => {
  const { holdfast, git, request } = setting;
  const repoUrl = await git.createRepository(scenario, files);
  const id = await holdfast.create(request(scenario, repoUrl));
  const failed = await holdfast.reach(id, 'COMPLETE', 'FAILED');
  expect(failed).toMatchObject({ state: 'FAILED', failure: { code, remedy: expect.any(String) } });
  const diff = (await holdfast.call('GET', `/api/sessions/${id}/diff`)).body as string;
  if (scenario === 'ask-user') {
    expect(diff).toContain('before.txt');
    expect(diff).not.toContain('after.txt');
  }
});

test('five sessions at once do not interfere: one is aborted, one fails, three deliver their own work', async () => {
  const { holdfast, git, request, fileAt, remoteSha } = setting;
  const scenarios = ['marked', 'marked', 'marked', 'endless', 'blocked'];
  const ids = await Promise.all(
    scenarios.map(async (scenario, index) => {
      const repoUrl = await git.createRepository(`five-${index}`, files);
      return holdfast.create(request(scenario, repoUrl, { userPrompt: `mark session${index} please` }));
    }),
  );
  const [, , , endless = ''] = ids;
  await until(async () => (await holdfast.session(endless)).usage.turns >= 2);
  const started = performance.now();
  expect((await holdfast.call('POST', `/api/sessions/${endless}/abort`, { reason: 'enough' })).status).toBe(202);
  const aborted = await holdfast.reach(endless, 'FAILED');
  expect(performance.now() - started).toBeLessThan(10_000);
  expect(aborted.failure).toMatchObject({ code: 'ABORTED', message: 'enough' });
  expect((await holdfast.call('GET', `/api/sessions/${endless}/diff`)).body).toContain('turns.txt');
  for (const index of [0, 1, 2]) {
    const done = await holdfast.reach(ids[index] ?? '', 'COMPLETE', 'FAILED');
    expect(done.state).toBe('COMPLETE');
    expect(fileAt(`five-${index}`, done.result.branch, 'mark.txt')).toBe(`session${index}\n`.repeat(4));
    expect(remoteSha(`five-${index}`, done.result.branch)).toBe(done.result.commit);
  }
  expect((await holdfast.reach(ids[4] ?? '', 'COMPLETE', 'FAILED')).failure.code).toBe('BLOCKED');
});

test('red checks go back to the agent, and the server itself finds the repair green', async () => {
  const { holdfast, git, request, fileAt } = setting;
  const repoUrl = await git.createRepository('repairs', { ...files, 'state.txt': 'old\n' });
  const acceptance = ['grep -q good state.txt'];
  const id = await holdfast.create(request('repairs', repoUrl, { acceptance }));
  const done = await holdfast.reach(id, 'COMPLETE', 'FAILED');
  expect(done).toMatchObject({ state: 'COMPLETE', result: { verified: true } });
  expect(fileAt('repairs', done.result.branch, 'state.txt')).toBe('good\n');
  const report = (await holdfast.call('GET', `/api/sessions/${id}/report`)).body.data;
  expect(report.checks).toMatchObject([{ command: acceptance[0], verdict: 'fixed' }]);
});

test('every webhook of a session verifies, comes with its sequence number, and the report names the pushed commit', async () => {
  const { holdfast, git, request, remoteSha, webhooks } = setting;
  const repoUrl = await git.createRepository('webhooks', files);
  const id = await holdfast.create(request('marked', repoUrl, { taskId: 'ticket-7' }));
  const done = await holdfast.reach(id, 'COMPLETE');
  const mine = () => webhooks.received.filter(({ payload }) => payload.session_id === id);
  const wanted = ['started', 'cloning', 'analyzing', 'coding', 'committing', 'completed'];
  await until(() => wanted.every((status) => mine().some(({ payload }) => payload.status === status)));
  expect(mine().every(({ verified, payload }) => verified && payload.task_id === 'ticket-7')).toBe(true);
  const events = (await holdfast.call('GET', `/api/sessions/${id}/events`)).body.data.items as { seq: number }[];
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  const report = (await holdfast.call('GET', `/api/sessions/${id}/report`)).body.data;
  expect(report.commit).toBe(remoteSha('webhooks', done.result.branch));
  expect(report.verified).toBe(false);
  const markdown = await holdfast.call('GET', `/api/sessions/${id}/report`, undefined, { accept: 'text/markdown' });
  expect(markdown.body).toContain('NOT VERIFIED');
});

test('no secret is in the data directory, the logs of the processes, or their arguments', async () => {
  const { holdfast } = setting;
  const encoded = Buffer.from(`git:${canaries.gitToken}`).toString('base64');
  const secrets = [canaries.modelKey, canaries.gitToken, encoded];
  const leaks = (text: string) => secrets.filter((secret) => text.includes(secret));
  // All have ended; what goes with them would go while it is read.
  await until(() => readdirSync(join(holdfast.dataDir, 'work')).every((name) => !name.startsWith('ses_')));
  let scanned = 0;
  for (const file of namesBelow(holdfast.dataDir)) {
    const content = contentOf(join(holdfast.dataDir, file));
    if (content.length > 0) scanned += 1;
    expect([file, leaks(content)]).toEqual([file, []]);
  }
  expect(scanned).toBeGreaterThan(20);
  expect(leaks(holdfast.log())).toEqual([]);
  for (const name of ['main', 'worker', 'api', 'temporal'] as const) {
    expect(leaks(readFileSync(`/proc/${holdfast.pid(name)}/cmdline`, 'latin1'))).toEqual([]);
  }
});

test('commands reach the hosts that the task names: shown in the contract, frozen, and every other host is an event', async () => {
  const { holdfast, git, request, fileAt } = setting;
  const seen: string[] = [];
  const outside = createServer((asked, response) => {
    seen.push(asked.url ?? '');
    response.end('from outside\n');
  });
  await new Promise<void>((resolve) => outside.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void outside.close());
  const { port } = outside.address() as AddressInfo;
  const repoUrl = await git.createRepository('egress', files);
  const task = { egress: [`LOCALHOST:${port}`], userPrompt: `Do what the scenario egress says, with port ${port}.` };
  const id = await holdfast.create(request('egress', repoUrl, task));
  const done = await holdfast.reach(id, 'COMPLETE', 'FAILED');
  expect(done).toMatchObject({ state: 'COMPLETE' });
  expect(fileAt('egress', done.result.branch, 'answers.txt')).toMatch(
    /^from outside\n\[holdfast\] elsewhere.test:80 is blocked/,
  );
  expect(seen).toEqual(['/agent']);
  const { items } = (await holdfast.call('GET', `/api/sessions/${id}/contract`)).body.data;
  expect(items).toContainEqual(
    expect.objectContaining({ kind: 'host', name: `localhost:${port}`, state: 'satisfied' }),
  );
  const { snapshot } = (await holdfast.call('GET', `/api/sessions/${id}/snapshot`)).body.data;
  expect(snapshot.sandbox).toMatchObject({ kind: 'bwrap', network: [`localhost:${port}`] });
  const events = (await holdfast.call('GET', `/api/sessions/${id}/events`)).body.data.items;
  const blocked = events.filter(({ type }: { type: string }) => type === 'blocked_host');
  expect(blocked).toMatchObject([{ data: { host: 'elsewhere.test', port: 80, rule: 'elsewhere.test' } }]);
});

test('a host rule that is none is refused by name', async () => {
  const { holdfast, git, request } = setting;
  const repoUrl = await git.createRepository('egress-wrong', files);
  const egress = ['registry.npmjs.org', '*', '10.0.0.1', 'https://a.test/'];
  const { status, body } = await holdfast.call('POST', '/api/sessions', request('lines', repoUrl, { egress }));
  expect([status, body.error.code]).toEqual([422, 'INVALID_REQUEST']);
  const paths = body.error.details.faults.map(({ path }: { path: string }) => path);
  expect(paths).toEqual(['egress.1', 'egress.2', 'egress.3']);
});
