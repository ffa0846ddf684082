import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { canaries, startSetting, type Setting } from '../support/scripted-setting.ts';

const root = join(import.meta.dirname, '..', '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const run = promisify(execFile);

let setting: Setting;
beforeAll(async () => {
  setting = await startSetting({ LLM_MODEL: 'readme' });
});
afterAll(() => setting.stop());

test('the curl walk of the README does what it says, exactly as printed', async () => {
  const blocks = [...readme.matchAll(/<!-- walk -->\n```bash\n([\s\S]*?)```/g)].map(([, block]) => block ?? '');
  expect(blocks).toHaveLength(6);
  const repoUrl = await setting.git.createRepository('readme', { 'README.md': '# sample\n' });
  const env = {
    PATH: process.env['PATH'],
    HOLDFAST: setting.holdfast.url,
    REPO_URL: repoUrl,
    REPO_TOKEN: canaries.gitToken,
  };
  const script = blocks.map((block) => `${block}\necho; echo ===`).join('\n');
  const { stdout } = await run('/bin/bash', ['-eu', '-c', script], { env });
  const [, , asked, refused, answered, ended] = stdout.split('===\n');
  expect(asked).toContain('"canProceed":false');
  expect(asked).toContain('Input \\"greeting\\" is not given');
  expect(refused).toContain('PREFLIGHT_INCOMPLETE');
  expect(answered).toContain('"canProceed":true');
  expect(answered).toMatch(/"digest":"sha256:[0-9a-f]{64}"/);
  expect(ended).toContain('"state":"COMPLETE"');
  expect(ended).toContain('**fixed** `test -s hello.txt`');
  expect(ended).toContain('+Good morning');
});

test('the command runs a task to its end: progress on stderr, the result on stdout, an exit code by outcome', async () => {
  const repoUrl = await setting.git.createRepository('cli', { 'README.md': '# sample\n' });
  const env = { PATH: process.env['PATH'], HOLDFAST_URL: setting.holdfast.url };
  const holdfast = (args: string[], more: object = {}) =>
    run(process.execPath, [join(root, 'src', 'cli.ts'), ...args], { env: { ...env, ...more } }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      (error: { code: number; stdout: string; stderr: string }) => error,
    );
  const body = setting.request('readme', repoUrl);
  const done = await holdfast(['run', JSON.stringify(body)]);
  expect([done.code, JSON.parse(done.stdout).state]).toEqual([0, 'COMPLETE']);
  expect(done.stderr).toContain('EXECUTING coding');
  const id = JSON.parse(done.stdout).sessionId as string;
  expect(JSON.parse((await holdfast(['get', id])).stdout)).toMatchObject({ sessionId: id, state: 'COMPLETE' });
  expect((await holdfast(['logs', id])).stderr).toContain('COMPLETE completed');

  const asks = await holdfast(['run', JSON.stringify(setting.request('asks', repoUrl))]);
  expect(asks.code).toBe(3);
  const command = /holdfast (answer ses_\w+ --answer q1='…' --execute)/.exec(asks.stderr)?.[1] ?? '';
  const [, waiting = ''] = command.split(' ');
  expect((await holdfast(['answer', waiting, '--answer', 'q1=lib'])).code).toBe(0);
  expect((await holdfast(['logs', waiting, '--follow'])).code).toBe(0);

  const blocked = await holdfast(['run', JSON.stringify(setting.request('blocked', repoUrl))]);
  expect([blocked.code, JSON.parse(blocked.stdout).failure.code]).toEqual([1, 'BLOCKED']);
  expect((await holdfast(['run', '{}'])).code).toBe(2);
  expect((await holdfast(['run'])).stderr).toContain('REPO_URL and TASK_INTENT');
  expect((await holdfast(['get', 'ses_none'])).stderr).toContain('SESSION_NOT_FOUND');
  expect((await holdfast(['get', 'x'], { HOLDFAST_URL: 'http://127.0.0.1:1' })).code).toBe(5);
  const fromEnvironment = {
    REPO_URL: repoUrl,
    TASK_INTENT: 'greet',
    TASK_ID: 'ticket-1',
    GITLAB_API_TOKEN: canaries.gitToken,
  };
  // The test's server knows another user name than GitLab's: refused at the door, with the remedy.
  expect((await holdfast(['run'], fromEnvironment)).stderr).toContain('REPOSITORY_AUTH_FAILED');
});
