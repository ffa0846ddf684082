import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { HoldfastError } from '../../src/domain/failure.ts';
import type { SessionChange } from '../../src/store/sessions.ts';
import { sampleContract } from '../api/sample-contract.ts';
import { workingApi } from '../api/setting.ts';
import { sampleCheckpoint, sampleSession } from '../support/sample-task.ts';
import { openDirectory } from '../support/open-directory.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { holdfast, listen } from './setting.ts';

const body = JSON.stringify({ userPrompt: 'x', source: { repoUrl: 'https://git.example.test/x' } });
const until = (condition: () => boolean | Promise<boolean>) =>
  vi.waitUntil(condition, { timeout: 20_000, interval: 20 });

/** A server whose sessions are at once where the test wants them. */
async function served(onStart: Partial<SessionChange>) {
  const made = workingApi(() => ({ start: async ({ rev }) => (rev === 0 ? onStart : undefined) }));
  const { url, port, close } = await listen(made.app.fetch);
  return { ...made, env: { HOLDFAST_URL: url }, port, close };
}

const aborted = new HoldfastError('ABORTED', 'told to').toFailure();
const blocked = new HoldfastError('BLOCKED', 'told to').toFailure();
const pause = new HoldfastError('BUDGET_REACHED', 'enough').toFailure();

test.each([
  [0, 'is complete', { state: 'COMPLETE', stage: 'completed' }],
  [1, 'failed', { state: 'FAILED', stage: 'failed', failure: blocked }],
  [4, 'is paused', { state: 'PAUSED', stage: 'paused', pause }],
  [6, 'was aborted', { state: 'FAILED', stage: 'failed', failure: aborted }],
] as const)('run ends with %i when the session %s', async (code, _, change) => {
  const { env } = await served(change);
  const run = holdfast(['run', body], env);
  expect(await run.exit).toBe(code);
  expect(JSON.parse(run.stdout())).toMatchObject({ state: change.state });
  if ('failure' in change) expect(run.stderr()).toContain(change.failure.remedy);
});

test('the command that run prints for missing information works as printed, although an automatic session is quicker', async () => {
  const { app } = workingApi((store) => ({
    start: async ({ id, rev }) => {
      if (rev > 0) return undefined;
      await store.sessions.setContract(id, sampleContract(false));
      return { state: 'PREFLIGHT', stage: 'awaiting_input' };
    },
    supplyInfo: async ({ id }, message) => {
      const { answers = {} } = message as { answers?: Record<string, string> };
      if (answers['q1'] === undefined) return undefined;
      await store.sessions.setContract(id, sampleContract(true));
      return { state: 'EXECUTING', stage: 'coding' };
    },
    execute: () => Promise.reject(new HoldfastError('ALREADY_EXECUTING', 'The session is EXECUTING already.')),
  }));
  const { url } = await listen(app.fetch);
  const env = { HOLDFAST_URL: url };
  const run = holdfast(['run', body], env);
  expect(await run.exit).toBe(3);
  expect(run.stderr()).toContain('- Target directory not specified');
  const printed = / holdfast (answer ses_\w+ --answer q1='…' --execute)\n/.exec(run.stderr())?.[1] ?? '';
  const answer = holdfast(printed.replace("'…'", 'lib').split(' '), env);
  expect([await answer.exit, answer.stderr()]).toEqual([0, '']);
  expect(JSON.parse(answer.stdout())).toMatchObject({ state: 'EXECUTING' });
});

test('a repeated run finds its session by TASK_ID, whatever characters that has', async () => {
  const { env, temporal } = await served({ state: 'COMPLETE', stage: 'completed' });
  for (const taskId of ['ticket-1', 'задача 1', 'x'.repeat(250)]) {
    const task = { REPO_URL: 'https://git.example.test/x', TASK_INTENT: 'y', TASK_ID: taskId };
    const runs = [holdfast(['run'], { ...env, ...task })];
    await runs[0]?.exit;
    runs.push(holdfast(['run'], { ...env, ...task }));
    expect(await Promise.all(runs.map(({ exit }) => exit))).toEqual([0, 0]);
    const [first, second] = runs.map(({ stdout }) => JSON.parse(stdout()) as { sessionId: string; taskId: string });
    expect(second?.sessionId).toBe(first?.sessionId);
    expect(first?.taskId).toBe(taskId);
  }
  expect(new Set(temporal.sent.map(({ id }) => id)).size).toBe(3);
});

test('run waits for a server that goes away and comes back', async () => {
  const { app, close, env, port, store, temporal } = await served({ state: 'EXECUTING', stage: 'coding' });
  const run = holdfast(['run', body], env);
  await until(() => run.stderr().includes('session ses_'));
  await close();
  await until(() => run.stderr().includes('The server is away'));
  const [id = ''] = await store.sessions.live();
  await temporal.announce(id, { state: 'COMPLETE', stage: 'completed' });
  await listen(app.fetch, port);
  expect(await run.exit).toBe(0);
});

test('Ctrl-C ends the command, leaves the session alone and says how to come back', async () => {
  const { env, store, temporal } = await served({ state: 'EXECUTING', stage: 'coding' });
  const run = holdfast(['run', body], env);
  await until(() => run.stderr().includes('session ses_'));
  run.child.kill('SIGINT');
  expect(await run.exit).toBe(130);
  const [id = ''] = await store.sessions.live();
  expect(run.stderr()).toContain(`Session ${id} goes on without you; come back with \`holdfast logs ${id} --follow\`.`);
  expect(temporal.sent.map(({ kind }) => kind)).toEqual(['start']);
});

test('a server that cannot serve is no bad input', async () => {
  const { env, temporal } = await served({});
  temporal.away = true;
  const run = holdfast(['run', body], env);
  expect(await run.exit).toBe(5);
  expect(run.stderr()).toContain('TEMPORAL_UNAVAILABLE');
});

test.each([
  ['a page', () => new Response('<h1>no</h1>', { status: 404, headers: { 'content-type': 'text/html' } })],
  ['a page that is well', () => new Response('<h1>hello</h1>', { headers: { 'content-type': 'text/html' } })],
  ['broken JSON', () => new Response('{oops', { status: 502, headers: { 'content-type': 'application/json' } })],
  ['JSON of somebody else', () => Response.json({ error: 'no' }, { status: 404 })],
])('what answers with %s is not taken for Holdfast', async (_, answer) => {
  const { url } = await listen(answer);
  const get = holdfast(['get', 'ses_a'], { HOLDFAST_URL: url });
  expect([await get.exit, get.stdout()]).toEqual([5, '']);
  expect(get.stderr()).toMatch(/^No Holdfast answers at \S+: something else did, with HTTP \d+\./);
});

test('logs shows every event of a long session', async () => {
  const { env, store } = await served({});
  await store.sessions.create(sampleSession('ses_long'));
  for (let turn = 1; turn <= 1001; turn += 1) {
    const event = { key: `turn/${turn}`, type: 'turn', state: 'EXECUTING', stage: 'coding', at: 0 } as const;
    await store.events.append('ses_long', { ...event, data: { turn } });
  }
  const logs = holdfast(['logs', 'ses_long'], env);
  expect(await logs.exit).toBe(0);
  expect(
    logs
      .stderr()
      .trim()
      .split('\n')
      .map((line) => line.replace(/.*turn /, '')),
  ).toEqual(Array.from({ length: 1001 }, (_, index) => String(index + 1)));
});

const nowhere = join('/', 'nonexistent', 'key');
test.each([
  ['an unknown command', ['constructor'], {}, 'There is no command constructor'],
  ['no id', ['get'], {}, 'The id of a session is missing'],
  ['an unknown option', ['get', 'ses_a', '--loud'], {}, 'Usage: holdfast get <id>'],
  ['an argument that is no object', ['run', '[]'], {}, 'must be a JSON object'],
  ['nothing to run', ['run'], {}, 'REPO_URL and TASK_INTENT'],
  ['a run that would never end', ['run', '{"auto":false}'], {}, '`auto` cannot be false'],
  [
    'a key file that is not there',
    ['get', 'ses_a'],
    { HOLDFAST_API_KEY_FILE: nowhere },
    'HOLDFAST_API_KEY_FILE: ENOENT',
  ],
  [
    'a model key file that is not there',
    ['resume', 'x', '--model-api-key-file', nowhere],
    {},
    '--model-api-key-file: EN',
  ],
  ['a checkpoint that is no whole number', ['fork', 'x', '--checkpoint', '1.5'], {}, '--checkpoint must be a whole'],
  ['a checkpoint that is no number', ['fork', 'x', '--checkpoint', 'last'], {}, '--checkpoint must be a whole number'],
  ['a limit that is no number', ['resume', 'x', '--max-wall-ms', '1.5'], {}, '--max-wall-ms must be a whole number'],
  ['a key that no header carries', ['get', 'ses_a'], { HOLDFAST_API_KEY: 'canary\nkey' }, 'characters that no key has'],
  ['a URL without its scheme', ['get', 'ses_a'], { HOLDFAST_URL: 'localhost:8420' }, 'must be an http(s) URL'],
] as const)('%s is wrong use: code 2, one line that says so, nothing on stdout', async (_, args, env, message) => {
  const { HOLDFAST_URL = 'http://127.0.0.1:1' } = env as { HOLDFAST_URL?: string };
  const wrong = holdfast(args, { ...env, HOLDFAST_URL });
  expect([await wrong.exit, wrong.stdout()]).toEqual([2, '']);
  expect(wrong.stderr()).toContain(message);
  expect(wrong.stderr()).not.toMatch(/\n\s+at |canary/);
});

test('checkpoints lists them all, and fork makes a session of one of them', async () => {
  const { app, store } = workingApi();
  const { url } = await listen(app.fetch);
  await store.sessions.create(sampleSession('ses_a'));
  await store.sessions.setFrozen('ses_a', {
    digest: await store.blobs.put('ses_a', 'snapshot'),
    createdAt: 0,
    filesFrozen: 0,
    toolsWhitelisted: [],
  });
  const { epoch } = await store.journal.claim('ses_a');
  for (let turn = 1; turn <= 130; turn += 1) {
    await store.journal.append('ses_a', epoch, {
      thread: '',
      fromSeq: turn,
      entries: [{}],
      checkpoint: sampleCheckpoint(turn),
    });
  }
  const list = holdfast(['checkpoints', 'ses_a'], { HOLDFAST_URL: url });
  expect(await list.exit).toBe(0);
  const { items } = JSON.parse(list.stdout()) as { items: { turn: number }[] };
  expect(items.map(({ turn }) => turn)).toEqual(Array.from({ length: 130 }, (_, index) => 130 - index));
  const key = join(temporaryDirectory(), 'key');
  writeFileSync(key, 'own key\n');
  const options = [
    '--checkpoint',
    '7',
    '--prompt',
    'in blue',
    '--max-steps',
    '9',
    '--max-wall-ms',
    '60000',
    '--model-api-key-file',
    key,
  ];
  const fork = holdfast(['fork', 'ses_a', ...options], { HOLDFAST_URL: url });
  expect([await fork.exit, fork.stderr()]).toEqual([0, '']);
  const { sessionId } = JSON.parse(fork.stdout()) as { sessionId: string };
  const { task } = await store.sessions.get(sessionId);
  expect(task).toMatchObject({ limits: { maxSteps: 9, maxWallMs: 60_000 }, parent: { turn: 7, prompt: 'in blue' } });
  expect(await store.secrets.get(sessionId, 'model.apiKey')).toBe('own key');
});

test('delete removes a session, says nothing, and does no harm when it is repeated', async () => {
  const { app, store } = workingApi();
  const { url } = await listen(app.fetch);
  await store.sessions.create(sampleSession('ses_a'));
  for (let time = 1; time <= 2; time += 1) {
    const remove = holdfast(['delete', 'ses_a'], { HOLDFAST_URL: url });
    expect([await remove.exit, remove.stdout(), remove.stderr()]).toEqual([0, '', '']);
    expect(await store.sessions.find('ses_a')).toBeUndefined();
  }
});

test('delete tells what the server refused, and when no Holdfast answered', async () => {
  const { app } = workingApi(undefined, { apiKeys: () => ['right'] });
  const { url } = await listen(app.fetch);
  const other = await listen(() => new Response('hello'));
  const refused = holdfast(['delete', 'ses_a'], { HOLDFAST_URL: url });
  const lost = holdfast(['delete', 'ses_a'], { HOLDFAST_URL: other.url });
  expect([await refused.exit, await lost.exit]).not.toContain(0);
  expect(refused.stderr()).toContain('UNAUTHORIZED');
  expect(lost.stderr()).toContain('No Holdfast answers');
});

test('the help is there for all and for each command', async () => {
  const all = holdfast(['--help']);
  const one = holdfast(['resume', '--help']);
  expect(await Promise.all([all.exit, one.exit])).toEqual([0, 0]);
  for (const name of [
    'run',
    'get',
    'answer',
    'pause',
    'resume',
    'abort',
    'delete',
    'checkpoints',
    'fork',
    'logs',
    'doctor',
  ]) {
    expect(all.stdout()).toContain(`holdfast ${name}`);
  }
  expect(one.stdout()).toMatch(/^holdfast resume <id>/);
  expect(one.stdout()).not.toContain('holdfast run');
});

test('doctor tells what is wrong with the server, with and without a key', async () => {
  const { app, temporal } = workingApi(undefined, { apiKeys: () => ['right'] });
  const { url } = await listen(app.fetch);
  const env = { HOLDFAST_URL: url, DATA_DIR: temporaryDirectory(), LLM_API_KEY: 'x' };
  const serverLine = async (key: string) => {
    const doctor = holdfast(['doctor'], { ...env, HOLDFAST_API_KEY: key });
    await doctor.exit;
    return doctor
      .stderr()
      .split('\n')
      .find((line) => line.includes(`server ${url}`));
  };
  expect(await serverLine('right')).toMatch(/^ok .*Temporal and records answer/);
  expect(await serverLine('wrong')).toMatch(/^FAIL .*UNAUTHORIZED.*Bearer/);
  temporal.away = true;
  expect(await serverLine('right')).toMatch(/^FAIL .*TEMPORAL_UNAVAILABLE/);
});

test('doctor tells the toolchains that commands find, and what is wrong with them', async () => {
  const toolchain = openDirectory();
  const sandboxLine = async (toolchains: string) => {
    const env = { HOLDFAST_URL: 'http://127.0.0.1:1', DATA_DIR: temporaryDirectory(), SANDBOX_TOOLCHAINS: toolchains };
    const doctor = holdfast(['doctor'], env);
    await doctor.exit;
    return doctor
      .stderr()
      .split('\n')
      .filter((line) => /^\S+ +sandbox:|SANDBOX_TOOLCHAINS/.test(line))
      .join(' ');
  };
  expect(await sandboxLine(toolchain)).toMatch(new RegExp(`^ok .*toolchains ${toolchain}$`));
  expect(await sandboxLine(`${toolchain}/gone`)).toContain(`SANDBOX_TOOLCHAINS.0: ${toolchain}/gone is no directory`);
});
