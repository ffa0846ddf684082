import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { alone } from '../../scripts/setup/alone.mjs';
import { packages } from '../../scripts/setup/packages.mjs';
import { programs } from '../../scripts/setup/programs.mjs';
import { findTemporalCli, temporalCli } from '../../scripts/setup/temporal-cli.mjs';
import { temporaryDirectory } from '../support/temporary-directory.ts';

function write(file: string, text: string, mode = 0o644): string {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

test('the Temporal CLI is the named one, else the one on PATH, else the one set-up made', () => {
  const root = temporaryDirectory();
  const cached = write(join(root, 'cache', 'holdfast', 'temporal-cli-v1.5.1', 'temporal'), '', 0o755);
  const onPath = write(join(root, 'bin', 'temporal'), '', 0o755);
  const named = write(join(root, 'named'), '', 0o755);
  mkdirSync(join(root, 'sources', 'temporal'), { recursive: true }); // A directory of that name is no program.
  const env = { XDG_CACHE_HOME: join(root, 'cache'), PATH: join(root, 'sources') };
  expect(findTemporalCli(env)).toBe(cached);
  expect(findTemporalCli({ ...env, PATH: `${env.PATH}:${join(root, 'bin')}` })).toBe(onPath);
  expect(findTemporalCli({ ...env, TEMPORAL_CLI_PATH: named })).toBe(named);
});

test('a Temporal CLI that is named and not there is told, not replaced by another; a named server needs none', async () => {
  const root = temporaryDirectory();
  const env = { PATH: '', XDG_CACHE_HOME: root, TEMPORAL_CLI_PATH: write(join(root, 'temporal'), 'no program') };
  expect(temporalCli.isReady({ root, env })).toBe(false);
  await expect(temporalCli.prepare({ root, env })).rejects.toThrow(
    `${env.TEMPORAL_CLI_PATH} is not an executable file`,
  );
  expect(temporalCli.isReady({ root, env: { ...env, TEMPORAL_ADDRESS: 'temporal.example:7233' } })).toBe(true);
});

/** Whether set-up finds installed what the lockfile wants. */
function isInstalled(wanted: object, installed: object | null): boolean {
  const root = temporaryDirectory();
  write(join(root, 'package-lock.json'), JSON.stringify({ packages: { '': {}, ...wanted } }));
  mkdirSync(join(root, 'node_modules'));
  if (installed !== null)
    write(join(root, 'node_modules', '.package-lock.json'), JSON.stringify({ packages: installed }));
  return packages.isReady({ root, env: {} });
}

test('packages are installed anew when one is missing or another one, or when the installation broke off', () => {
  const a = { integrity: 'sha512-a' };
  const b = { integrity: 'sha512-b' };
  expect(isInstalled({ a }, { a })).toBe(true);
  expect(isInstalled({ a }, null)).toBe(false);
  expect(isInstalled({ a, b }, { a })).toBe(false);
  expect(isInstalled({ a }, { a: b })).toBe(false);
});

test('packages of other platforms need not be there, but there must be an installation', () => {
  const foreign = { integrity: 'sha512-c', optional: true };
  expect(isInstalled({ foreign }, {})).toBe(true);
  expect(isInstalled({ foreign }, null)).toBe(false);
});

test('where missing programs cannot be installed, set-up says what to install; SANDBOX=off does without bubblewrap', () => {
  const root = temporaryDirectory();
  for (const name of ['git', 'rg', 'ssh']) write(join(root, name), '', 0o755);
  const machine = { root, env: { PATH: root } };
  expect(programs.isReady(machine)).toBe(false);
  expect(() => programs.prepare(machine)).toThrow(/bwrap \(the sandbox .*sudo apt-get install bubblewrap$/);
  expect(programs.isReady({ root, env: { PATH: root, SANDBOX: 'off' } })).toBe(true);
});

test('a set-up waits for the one that is at work', async () => {
  const lock = join(temporaryDirectory(), 'cache', 'set-up.lock');
  const steps: string[] = [];
  const finish = Promise.withResolvers<void>();
  const first = alone(lock, async () => {
    steps.push('first begins');
    await finish.promise;
    steps.push('first ends');
  });
  const second = alone(lock, async () => void steps.push('second'));
  expect(steps).toEqual(['first begins']);
  finish.resolve();
  await Promise.all([first, second]);
  expect(steps).toEqual(['first begins', 'first ends', 'second']);
  expect(existsSync(lock)).toBe(false);
});

test('a set-up that failed or was killed holds nobody', async () => {
  const lock = join(temporaryDirectory(), 'set-up.lock');
  await expect(alone(lock, () => Promise.reject(new Error('no network')))).rejects.toThrow('no network');
  const killed = spawn('sleep', ['60'], { stdio: 'ignore' });
  writeFileSync(lock, String(killed.pid));
  const exited = once(killed, 'exit');
  killed.kill('SIGKILL');
  await exited;
  let done = false;
  await alone(lock, async () => void (done = true));
  expect(done).toBe(true);
});
