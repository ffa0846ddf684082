import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createClient } from '../../src/temporal/connection.ts';
import { freePort, startEmbeddedServer, type EmbeddedServer } from '../../src/temporal/embedded-server.ts';
import { processStart } from '../../src/temporal/process-identity.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** Starts the server on a directory; it is ended with the test. */
async function start(directory: string, port?: number): Promise<EmbeddedServer> {
  const ports = { port: port ?? (await freePort()), uiPort: await freePort() };
  const server = await startEmbeddedServer({ directory, ...ports });
  onTestFinished(() => server.stop());
  return server;
}

function connect(server: EmbeddedServer, namespace = 'default') {
  const client = createClient({ connectionOptions: { address: server.address }, namespace });
  onTestFinished(() => client.connection.close());
  return client;
}

test('a second start takes the running server over, and after stop nothing of it runs', async () => {
  const directory = temporaryDirectory();
  const first = await start(directory);
  const second = await start(directory);
  expect([first.reused, second.reused]).toEqual([false, true]);
  expect([second.pid, second.address]).toEqual([first.pid, first.address]);
  expect((await fetch(second.uiUrl)).status).toBe(200);
  await second.stop();
  expect(processStart(first.pid)).toBe('gone');
  await first.exited;
  expect(existsSync(join(directory, 'temporal.json'))).toBe(false);
});

test('a workflow that was accepted survives kill -9 of the server, which comes back at the same address', async () => {
  const directory = temporaryDirectory();
  const first = await start(directory);
  await connect(first).workflow.start('anything', { workflowId: 'accepted', taskQueue: 'nobody' });
  process.kill(first.pid, 'SIGKILL');
  await first.exited;
  const second = await start(directory);
  expect(second).toMatchObject({ reused: false, address: first.address, uiUrl: first.uiUrl });
  expect((await connect(second).workflow.getHandle('accepted').describe()).status.name).toBe('RUNNING');
});

test('a port that somebody else listens on is replaced by a free one', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void other.close());
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const server = await start(temporaryDirectory(), port);
  expect(server.address).not.toBe(`127.0.0.1:${port}`);
  expect((await connect(server).workflowService.getSystemInfo({})).serverVersion).toBeTruthy();
});

test('a process that only has the pid of an earlier server is neither taken for it nor ended', async () => {
  const directory = temporaryDirectory();
  const stranger = spawn('sleep', ['60'], { stdio: 'ignore' });
  onTestFinished(() => void stranger.kill());
  const note = { pid: stranger.pid, start: '1', port: await freePort(), uiPort: await freePort() };
  writeFileSync(join(directory, 'temporal.json'), JSON.stringify(note));
  const server = await start(directory);
  expect(server).toMatchObject({ reused: false, address: `127.0.0.1:${note.port}` });
  await server.stop();
  expect(processStart(stranger.pid ?? 0)).not.toBe('gone');
});

test('it keeps histories for a month in the namespace that the environment names, and Ctrl-C does not reach it', async () => {
  vi.stubEnv('TEMPORAL_NAMESPACE', 'coding');
  onTestFinished(() => void vi.unstubAllEnvs());
  const server = await start(temporaryDirectory());
  const { config } = await connect(server, 'coding').workflowService.describeNamespace({ namespace: 'coding' });
  expect(config?.workflowExecutionRetentionTtl?.seconds?.toNumber()).toBe(30 * 86_400);

  const stat = readFileSync(`/proc/${server.pid}/stat`, 'utf8');
  const [, , processGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  expect(Number(processGroup)).toBe(server.pid);
});

test('a server that cannot start is reported with the end of its log', async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'temporal.db'), 'this is no database, but text that somebody put here\n'.repeat(100));
  await expect(start(directory)).rejects.toMatchObject({
    code: 'TEMPORAL_UNAVAILABLE',
    message: expect.stringContaining('file is not a database'),
  });
});

test('without a Temporal CLI the error says how to get one', async () => {
  vi.stubEnv('TEMPORAL_CLI_PATH', '/nowhere/temporal');
  onTestFinished(() => void vi.unstubAllEnvs());
  await expect(start(temporaryDirectory())).rejects.toMatchObject({
    code: 'TEMPORAL_UNAVAILABLE',
    remedy: expect.stringContaining('scripts/setup.mjs'),
  });
});
