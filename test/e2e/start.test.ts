import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { processStart } from '../../src/temporal/process-identity.ts';
import { Holdfast, until } from '../support/holdfast.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const main = join(import.meta.dirname, '..', '..', 'src', 'main.ts');

let holdfast: Holdfast;
beforeAll(async () => {
  holdfast = await Holdfast.start();
});
afterAll(() => holdfast.stop());

/** Starts the server as it would be started by hand, and waits for its end. */
async function startAndEnd(env: Readonly<Record<string, string>>): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { code, output };
}

test('a second start on the same data is refused and leaves the first one alone', async () => {
  const { code, output } = await startAndEnd(holdfast.env);
  expect(code).toBe(1);
  expect(output).toContain('runs on this data directory already');
  expect(await holdfast.isReady()).toBe(true);
});

test('wrong configuration is told at once, all of it, without a stack trace', async () => {
  const { code, output } = await startAndEnd({ PATH: process.env['PATH'] ?? '', PORT: 'x', MAX_STEPS: '-1' });
  expect(code).toBe(1);
  expect(output).toMatch(/PORT: [\s\S]*MAX_STEPS: /);
  expect(output).not.toContain('    at ');
});

test('a port that is taken ends the start with a clear word, and Temporal with it', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void taken.close());
  const { port } = taken.address() as AddressInfo;
  const dataDir = temporaryDirectory();
  const env = { ...holdfast.env, DATA_DIR: dataDir, PORT: String(port), TEMPORAL_PORT: '0', TEMPORAL_UI_PORT: '0' };
  const { code, output } = await startAndEnd(env);
  expect(code).toBe(1);
  expect(output).toContain('Choose another PORT');
}, 60_000);

test('records that are damaged end the start with a clear word, and are left as they are', async () => {
  const dataDir = temporaryDirectory();
  const records = join(dataDir, 'sessions', 'records.db');
  mkdirSync(dirname(records));
  const garbage = 'no database '.repeat(1000);
  writeFileSync(records, garbage);
  const ports = { PORT: '0', TEMPORAL_PORT: '0', TEMPORAL_UI_PORT: '0' };
  const { code, output } = await startAndEnd({ ...holdfast.env, DATA_DIR: dataDir, ...ports });
  expect(code).toBe(1);
  expect(output).toContain('file is not a database');
  expect(output).toContain('put back a copy of records.db');
  expect(output).not.toContain('starting it again');
  expect(readFileSync(records, 'utf8')).toBe(garbage);
}, 60_000);

test('SIGTERM ends everything, and a later start takes up the same ports and data', async () => {
  const pids = (['main', 'worker', 'api', 'temporal'] as const).map((name) => holdfast.pid(name));
  await holdfast.drain();
  await until(() => pids.every((pid) => processStart(pid) === 'gone'));
  await holdfast.start();
  expect((await holdfast.call('GET', '/healthz')).body.data.status).toBe('ok');
});

test('a Temporal that is left over from a killed start is taken over and ended by the next one', async () => {
  const temporal = holdfast.pid('temporal');
  await holdfast.kill('main', 'worker', 'api');
  await holdfast.start();
  expect(holdfast.pid('temporal')).toBe(temporal);
  await holdfast.drain();
  expect(processStart(temporal)).toBe('gone');
  await holdfast.start();
});

test('when only the supervisor is killed, its children end too, and the next start finds a free port', async () => {
  const children = (['worker', 'api'] as const).map((name) => holdfast.pid(name));
  await holdfast.kill('main');
  await until(() => children.every((pid) => processStart(pid) === 'gone'));
  await holdfast.start();
  expect(await holdfast.isReady()).toBe(true);
});
