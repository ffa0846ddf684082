import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { holdfast as command } from '../cli/setting.ts';
import { until } from '../support/holdfast.ts';
import { behind } from '../support/plant-repository.ts';
import { projects } from '../support/projects.ts';
import { atHome, reproduce } from '../support/reproduce.ts';
import { canaries, startSetting, type Setting } from '../support/scripted-setting.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const root = join(import.meta.dirname, '..', '..');

let setting: Setting;
beforeAll(async () => {
  // The sessions of the documentation name no model.
  setting = await startSetting({ LLM_MODEL: 'finishes' });
});
afterAll(() => setting.stop());

/** A session whose agent runs the commands of its prompt, one list for each round. */
async function run(name: string, repoUrl: string, rounds: string[][], changes: object = {}) {
  const lines = rounds.flatMap((commands, round) => commands.map((line) => `${round}$ ${line}`));
  const userPrompt = `Do this for ${name}:\n${lines.join('\n')}`;
  const id = await setting.holdfast.create(setting.request('follows', repoUrl, { userPrompt, ...changes }));
  const session = await setting.holdfast.reach(id, 'COMPLETE', 'FAILED');
  const report = (await setting.holdfast.call('GET', `/api/sessions/${id}/report`)).body.data;
  const text = { accept: 'text/markdown' };
  const markdown = (await setting.holdfast.call('GET', `/api/sessions/${id}/report`, undefined, text)).body as string;
  return { id, session, report, markdown };
}

function git(repository: string, ...args: string[]): string {
  const options = ['-c', 'safe.directory=*', '--git-dir', setting.git.pathOf(repository)];
  return execFileSync('git', [...options, ...args], { encoding: 'utf8' });
}

const cli = (...args: string[]) => command(args, { HOLDFAST_URL: setting.holdfast.url });

test('a bug is fixed and proven by the tests that the repository brings; the bundle of it verifies, and not with a byte changed', async () => {
  const repoUrl = await setting.git.createRepository('proven', projects.npm.files);
  const { id, session, report, markdown } = await run('proven', repoUrl, [[projects.npm.repair]]);
  expect(session).toMatchObject({ state: 'COMPLETE', result: { verified: true } });
  const contract = (await setting.holdfast.call('GET', `/api/sessions/${id}/contract`)).body.data;
  expect(contract.items).toContainEqual(
    expect.objectContaining({ kind: 'command', name: 'npm test', source: 'repository', state: 'satisfied' }),
  );
  expect(report).toMatchObject({
    verified: true,
    note: null,
    checks: [
      { command: 'npm test', verdict: 'fixed', required: false, baseline: { exitCode: 1 }, after: { exitCode: 0 } },
    ],
    syntax: [{ tool: 'node --check', verdict: 'passing', files: 1 }],
    diffstat: { files: 1, additions: 1, deletions: 1 },
  });
  const { contract: written, ...used } = session.usage;
  expect(report.usage).toMatchObject({
    turns: used.turns,
    costUsd: used.costUsd,
    contract: { tokens: written.inputTokens + written.outputTokens, costUsd: written.costUsd },
    elapsedMs: report.endedAt - session.createdAt,
  });
  expect(written.inputTokens).toBeGreaterThan(100);
  expect(markdown).toContain(
    '**fixed** `npm test` (before: exit 1, again exit 1, after: exit 0; proposed, not demanded; logs:',
  );
  expect(git('proven', 'log', '-1', '--format=%B', session.result.branch)).not.toContain('NOT VERIFIED');

  const file = join(temporaryDirectory(), 'bundle.tar');
  const exported = cli('export', id, '-o', file);
  expect([await exported.exit, exported.stderr()]).toEqual([0, '']);
  const trailer = git(
    'proven',
    'log',
    '-1',
    '--format=%(trailers:key=Holdfast-Snapshot,valueonly)',
    session.result.branch,
  );
  const good = cli('verify-bundle', file, '--snapshot', trailer.trim());
  expect(await good.exit).toBe(0);
  expect(JSON.parse(good.stdout())).toMatchObject({
    verified: true,
    sessionId: id,
    state: 'COMPLETE',
    snapshot: trailer.trim(),
  });
  const names = execFileSync('tar', ['-tf', file], { encoding: 'utf8' }).trim().split('\n');
  const wanted = ['manifest.json', 'snapshot.json', 'contract.json', 'transcript.jsonl', 'events.jsonl', 'diff.patch'];
  expect(names).toEqual(
    expect.arrayContaining([...wanted, 'report.md', 'checks/baseline-1.log', 'checks/round-0-1.log']),
  );
  const again = (await fetch(`${setting.holdfast.url}/api/sessions/${id}/bundle`)).arrayBuffer();
  expect(Buffer.from(await again)).toEqual(readFileSync(file));

  // What the report tells to reproduce it by, as it stands there.
  const { exitCode, output, work } = await reproduce(setting, report.reproduce);
  expect([exitCode, output]).toEqual([0, expect.stringMatching(/\bpass 2\b/)]);
  expect(behind(join(work, '.git'))(['rev-parse', 'HEAD'])).toBe(report.commit);

  const bytes = readFileSync(file);
  const at = bytes.lastIndexOf('checks/round-0-1.log\0') + 520;
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  writeFileSync(file, bytes);
  const bad = cli('verify-bundle', file);
  expect(await bad.exit).toBe(1);
  expect(bad.stderr()).toContain('TAMPERED  checks/round-0-1.log: its');
  const other = cli('verify-bundle', file, '--snapshot', `sha256:${'0'.repeat(64)}`);
  expect([await other.exit, other.stderr()]).toEqual([
    1,
    expect.stringContaining('TAMPERED  snapshot.json: the bundle is about snapshot'),
  ]);
});

test("the agent's plan is data: in the session, in events, in webhooks, in the report and in the bundle", async () => {
  const { holdfast, webhooks } = setting;
  const repoUrl = await setting.git.createRepository('planned', { 'a.txt': 'a\n' });
  const id = await holdfast.create(setting.request('plans', repoUrl, { acceptance: ['test -s second.txt'] }));
  const session = await holdfast.reach(id, 'COMPLETE', 'FAILED');
  const plan = (...statuses: string[]) =>
    statuses.map((status, index) => ({ title: ['Write first', 'Write second'][index], status }));
  const done = plan('done', 'done');
  expect(session).toMatchObject({ state: 'COMPLETE', plan: done, progress: { current: 2, total: 2, percent: 100 } });
  const { items } = (await holdfast.call('GET', `/api/sessions/${id}/events`)).body.data;
  const told = (items as { type: string; data: object }[]).filter(({ type }) => type === 'plan');
  expect(told.map(({ data }) => data)).toEqual([
    { plan: plan('in_progress', 'pending'), progress: 10 },
    { plan: plan('done', 'in_progress'), progress: 48 },
    { plan: done, progress: 85 },
  ]);
  const mine = () => webhooks.received.filter(({ payload }) => payload.session_id === id);
  const wanted = { started: [], coding: [], testing: done, completed: done };
  await until(() => Object.keys(wanted).every((status) => mine().some(({ payload }) => payload.status === status)));
  const sent = Object.fromEntries(mine().map(({ payload }) => [payload.status, payload.data['plan']]));
  expect(sent).toMatchObject(wanted);
  expect((await holdfast.call('GET', `/api/sessions/${id}/report`)).body.data).toMatchObject({ plan: done });
  const text = { accept: 'text/markdown' };
  const markdown = (await holdfast.call('GET', `/api/sessions/${id}/report`, undefined, text)).body as string;
  expect(markdown).toContain('## Plan\n\n- [x] Write first\n- [x] Write second');
  const bundle = Buffer.from(await (await fetch(`${holdfast.url}/api/sessions/${id}/bundle`)).arrayBuffer()).toString();
  expect(bundle.match(/"title":\s*"Write second",\s*"status":\s*"done"/g)?.length).toBeGreaterThan(2);
  const follow = cli('logs', id);
  await follow.exit;
  expect(`${follow.stdout()}${follow.stderr()}`).toContain('plan: 1 of 2 done, at: Write second');
});

test('a repository without tests ends loudly unverified: in the report, in the commit, and never green', async () => {
  const repoUrl = await setting.git.createRepository('untested', { 'a.txt': 'a\n' });
  const { session, report, markdown } = await run('untested', repoUrl, [['echo b > a.txt']]);
  expect(session).toMatchObject({ state: 'COMPLETE', result: { verified: false } });
  expect(report).toMatchObject({ verified: false, note: 'there is no acceptance command', checks: [] });
  expect(markdown).toContain('**NOT VERIFIED: there is no acceptance command.**');
  expect(git('untested', 'log', '-1', '--format=%B', session.result.branch)).toContain(
    'NOT VERIFIED: there is no acceptance command.',
  );
});

test('a result that breaks a sound file goes back to the agent, though no command is agreed', async () => {
  const repoUrl = await setting.git.createRepository('broken-syntax', { 'a.py': 'x = 1\n' });
  const { session, report } = await run('broken-syntax', repoUrl, [['echo "x = (" > a.py'], ['echo "x = 2" > a.py']]);
  expect(session.state).toBe('COMPLETE');
  expect(report).toMatchObject({ verified: false, rounds: [{ notGreen: 1 }, { notGreen: 0, kept: true }] });
});

test('red to the end: FAILED, the best round is on the work branch, and a person takes it over from there', async () => {
  const repoUrl = await setting.git.createRepository('taken-over', { 'a.txt': 'bad\n', 'b.txt': 'bad\n' });
  const acceptance = ['grep -q good a.txt', 'grep -q good b.txt'];
  const limits = { maxIterations: 1 };
  const rounds = [['echo good > a.txt'], ['echo worse > a.txt', 'echo worse > b.txt']];
  const changes = { acceptance, limits, onRedEnd: 'best' };
  const { id, session, report, markdown } = await run('taken-over', repoUrl, rounds, changes);
  expect(session).toMatchObject({ state: 'FAILED', failure: { code: 'CHECKS_FAILED' } });
  expect(report).toMatchObject({
    verified: false,
    rounds: [
      { round: 0, notGreen: 1, kept: true },
      { round: 1, notGreen: 2, kept: false },
    ],
    checks: [{ verdict: 'fixed' }, { verdict: 'still_failing' }],
    changes: [{ path: 'a.txt' }],
  });
  expect(markdown).toContain('round 1: 1 not green');
  const { branch, commit } = report as { branch: string; commit: string };
  expect(setting.remoteSha('taken-over', branch)).toBe(commit);
  expect([setting.fileAt('taken-over', branch, 'a.txt'), setting.fileAt('taken-over', branch, 'b.txt')]).toEqual([
    'good\n',
    'bad\n',
  ]);
  expect(git('taken-over', 'log', '-1', '--format=%B', branch)).toContain('NOT VERIFIED: CHECKS_FAILED: 1 of 2 red.');

  // A person goes on, on the branch, and gives it back: the commands of the documentation, as they stand there.
  const text = readFileSync(join(root, 'docs', 'verification.md'), 'utf8');
  const [, commands = ''] = /<!-- takeover -->\n```bash\n([\s\S]*?)```/.exec(text) ?? [];
  const env = { ...atHome(setting), SESSION: id, REPO_URL: repoUrl, REPO_USER: 'git', REPO_TOKEN: canaries.gitToken };
  const { stdout } = await promisify(execFile)('/bin/bash', ['-euc', commands], { cwd: temporaryDirectory(), env });
  const human = setting.remoteSha('taken-over', branch);
  expect(human).not.toBe(commit);
  const next = /ses_[0-9a-f]+/.exec(stdout)?.[0] ?? '';
  const done = await setting.holdfast.reach(next, 'COMPLETE', 'FAILED');
  expect(done).toMatchObject({ state: 'COMPLETE', result: { branch, verified: true } });
  expect(setting.remoteSha('taken-over', branch)).toBe(done.result.commit);
  expect(git('taken-over', 'rev-parse', `${branch}^`).trim()).toBe(human);
  expect(setting.fileAt('taken-over', branch, 'notes.txt')).toBe('corrected by hand\n');
  expect(setting.fileAt('taken-over', branch, 'b.txt')).toBe('good\n');
});

test('a person who pushes to the branch meanwhile is never overwritten: the session pauses', async () => {
  const { holdfast } = setting;
  const repoUrl = await setting.git.createRepository('moved', { 'a.txt': 'a\n' });
  git('moved', 'branch', 'shared', 'main');
  const { source } = setting.request('follows', repoUrl) as { source: object };
  const changes = { userPrompt: '0$ echo b > a.txt', branch: 'shared', source: { ...source, ref: 'shared' } };
  const id = await holdfast.create(setting.request('follows', repoUrl, { ...changes, limits: { maxSteps: 1 } }));
  expect((await holdfast.reach(id, 'PAUSED')).pause.code).toBe('BUDGET_REACHED');
  const tree = git('moved', 'rev-parse', 'main^{tree}').trim();
  const who = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.test'];
  const moved = git('moved', ...who, 'commit-tree', tree, '-p', 'main', '-m', 'By hand').trim();
  git('moved', 'update-ref', 'refs/heads/shared', moved);
  await holdfast.call('POST', `/api/sessions/${id}/resume`, { limits: { maxSteps: 10 } });
  await until(async () => (await holdfast.session(id)).pause?.code === 'REMOTE_DIVERGED');
  expect(setting.remoteSha('moved', 'shared')).toBe(moved);
});

test('a snapshot that was tampered with ends the session when it is resumed, and neither it nor its bundle is handed out', async () => {
  const { holdfast } = setting;
  const repoUrl = await setting.git.createRepository('tampered', { 'a.txt': 'a\n' });
  const id = await holdfast.create(setting.request('endless', repoUrl));
  await until(async () => (await holdfast.session(id)).usage.turns >= 1);
  await holdfast.call('POST', `/api/sessions/${id}/pause`, {});
  const { snapshot } = await holdfast.reach(id, 'PAUSED');
  const hex = (snapshot.digest as string).slice('sha256:'.length);
  const blob = join(holdfast.dataDir, 'sessions', 'blobs', hex.slice(0, 2), hex);
  chmodSync(blob, 0o644);
  writeFileSync(blob, readFileSync(blob, 'utf8').replace('Do what', 'Do not'));
  for (const path of ['snapshot', 'bundle']) {
    const { status, body } = await holdfast.call('GET', `/api/sessions/${id}/${path}`);
    expect([status, body.error.code]).toEqual([409, 'SNAPSHOT_TAMPERED']);
  }
  await holdfast.call('POST', `/api/sessions/${id}/resume`, {});
  const failed = await holdfast.reach(id, 'FAILED', 'COMPLETE');
  expect(failed).toMatchObject({ state: 'FAILED', failure: { code: 'SNAPSHOT_TAMPERED' } });
  const report = (await holdfast.call('GET', `/api/sessions/${id}/report`)).body.data;
  expect(report).toMatchObject({ outcome: 'FAILED', verified: false, failure: { code: 'SNAPSHOT_TAMPERED' } });
});
