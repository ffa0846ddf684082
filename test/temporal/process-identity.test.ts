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
  const place = own.split(':').slice(0, 4);
  const identity = [...place, pid, processStart(pid)].join(':');
  expect(isDeadWorker(identity, hostFile)).toBe(false);
  expect(isDeadWorker([...place, pid, 1].join(':'), hostFile)).toBe(true);
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

test('a worker of an earlier boot is dead, and nothing is said about one in another container', () => {
  const hostFile = join(temporaryDirectory(), 'host-id');
  const [prefix, host, boot, namespace] = workerIdentity(hostFile).split(':');
  expect(isDeadWorker([prefix, host, 'earlier', namespace, process.pid, '1'].join(':'), hostFile)).toBe(true);
  expect(isDeadWorker([prefix, host, boot, '1', process.pid, '1'].join(':'), hostFile)).toBe(false);
});
