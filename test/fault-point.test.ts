import { spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { armFaultPoints, faultPoint, isArmed } from '../src/fault-point.ts';

const warn = vi.fn<(facts: object, message: string) => void>();
const arm = (setting: string | undefined): void => armFaultPoints(setting, 'worker', warn);
afterEach(() => {
  vi.unstubAllEnvs();
  arm(undefined);
  warn.mockClear();
});

test('without the variable a fault point is nothing: no promise, no word', () => {
  arm(undefined);
  expect(faultPoint('before:commit', 'ses_a')).toBeUndefined();
  expect(isArmed()).toBe(false);
  expect(warn).not.toHaveBeenCalled();
});

test.each([
  'yes',
  'http://192.0.2.1:80/',
  'http://localhost.example.test/',
  'https://127.0.0.1/',
  'kill nothing',
  'kill before:commit',
])('%s is refused: only a test on this machine may hold a process', (setting) => {
  expect(() => arm(setting)).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }));
  expect(isArmed()).toBe(false);
});

test('where NODE_ENV is production nothing can be armed', () => {
  vi.stubEnv('NODE_ENV', 'production');
  expect(() => arm('http://127.0.0.1:1/')).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }));
  expect(isArmed()).toBe(false);
});

test('an armed process says so loudly, reports each hit with its number, and waits for the answer', async () => {
  const hits: object[] = [];
  let answered = false;
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    hits.push(JSON.parse(body) as object);
    setTimeout(() => {
      answered = true;
      response.end();
    }, 50);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  arm(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hit`);
  expect(warn.mock.lastCall?.[1]).toContain('KILL');
  await faultPoint('before:commit', 'ses_a');
  expect(answered).toBe(true);
  await faultPoint('before:commit', 'ses_b');
  await faultPoint('before:commit', 'ses_a');
  const of = (sessionId: string, nth: number) => {
    return { point: 'before:commit', nth, sessionId, process: 'worker', pid: process.pid };
  };
  expect(hits).toEqual([of('ses_a', 1), of('ses_b', 1), of('ses_a', 2)]);
});

test('a test that is gone holds nobody', async () => {
  arm('http://127.0.0.1:9/hit');
  await faultPoint('before:commit', 'ses_a');
});

test('a process can be made to kill itself at the n-th hit', () => {
  const module = join(import.meta.dirname, '..', 'src', 'fault-point.ts');
  const script = `
    import { armFaultPoints, faultPoint } from ${JSON.stringify(module)};
    armFaultPoints('kill after:commit 2', 'worker', () => undefined);
    for (const point of ['after:commit', 'before:commit', 'after:commit', 'after:commit']) {
      console.log(point);
      await faultPoint(point, 'ses_a');
    }`;
  const { signal, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect(signal).toBe('SIGKILL');
  expect(stdout).toBe('after:commit\nbefore:commit\nafter:commit\n');
});
