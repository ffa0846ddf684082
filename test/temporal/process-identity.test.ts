import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isDeadWorker, processStart, workerIdentity } from '../../src/temporal/process-identity.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

test('a worker is dead when its process is gone, or when another process has its pid', async () => {
  const hostFile = join(temporaryDirectory(), 'run', 'host-id');
  const own = workerIdentity(hostFile);
  expect(workerIdentity(hostFile)).toBe(own);
  expect(isDeadWorker(own, hostFile)).toBe(false);

  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  const pid = child.pid ?? 0;
  const [prefix, host] = own.split(':');
  const identity = `${prefix}:${host}:${pid}:${processStart(pid)}`;
  expect(isDeadWorker(identity, hostFile)).toBe(false);
  expect(isDeadWorker(`${prefix}:${host}:${pid}:1`, hostFile)).toBe(true);
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  expect(isDeadWorker(identity, hostFile)).toBe(true);
});

test('nothing is said about workers of other hosts and of other programs', () => {
  const own = join(temporaryDirectory(), 'host-id');
  const other = workerIdentity(join(temporaryDirectory(), 'host-id')).replace(`:${process.pid}:`, ':1:');
  expect(isDeadWorker(other, own)).toBe(false);
  expect(isDeadWorker('1234@somewhere', own)).toBe(false);
});
