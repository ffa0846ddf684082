import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createClient } from '../../src/temporal/connection.ts';
import { freePort } from '../../src/temporal/embedded-server.ts';
import { KeptServer } from '../../src/temporal/kept-server.ts';
import { processStart } from '../../src/temporal/process-identity.ts';
import { until } from '../support/holdfast.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

interface Setting {
  readonly server: KeptServer;
  /** What was logged. */
  readonly told: string[];
  /** The process that is the server just now. */
  readonly pid: () => number;
}

async function keep(): Promise<Setting> {
  const directory = temporaryDirectory();
  const told: string[] = [];
  const tell = (_facts: object, message: string): void => void told.push(message);
  const ports = { port: await freePort(), uiPort: await freePort() };
  const server = await KeptServer.start({ directory, ...ports }, { info: tell, warn: tell });
  onTestFinished(() => server.stop());
  const pid = (): number => JSON.parse(readFileSync(join(directory, 'temporal.json'), 'utf8')).pid as number;
  return { server, told, pid };
}

test('a server that is killed is started again at its address, and one that is stopped stays away', async () => {
  const { server, told, pid } = await keep();
  const { address } = server;
  const client = createClient({ connectionOptions: { address }, namespace: 'default' });
  onTestFinished(() => client.connection.close());
  const ask = () => client.workflowService.getSystemInfo({});

  const killed = pid();
  process.kill(killed, 'SIGKILL');
  await until(() => pid() !== killed);
  await until(() => ask().then(Boolean, () => false));
  expect(server.address).toBe(address);
  expect(told).toEqual(['temporal', 'temporal ended; starting it again']);

  const last = pid();
  await server.stop();
  expect(processStart(last)).toBe('gone');
  expect(told).toHaveLength(2);
});

test('a server that is just being started again is stopped too', async () => {
  const { server, pid } = await keep();
  const killed = pid();
  process.kill(killed, 'SIGKILL');
  await until(() => pid() !== killed);
  const restarted = pid(); // Its process is there; whether it is up already makes no difference.
  await server.stop();
  expect(processStart(restarted)).toBe('gone');
});

test('a server whose port somebody else has taken meanwhile waits for it, for its address is known to others', async () => {
  const { server, told, pid } = await keep();
  const { address } = server;
  process.kill(pid(), 'SIGKILL');
  const squatter = await squat(Number(address.split(':')[1]));
  await until(() => told.includes('temporal does not start'));
  squatter.close();
  await until(() => told.filter((message) => message === 'temporal ended; starting it again').length === 2);
  const client = createClient({ connectionOptions: { address }, namespace: 'default' });
  onTestFinished(() => client.connection.close());
  const ask = () => client.workflowService.getSystemInfo({});
  await until(() => ask().then(Boolean, () => false));
  expect(server.address).toBe(address);
});

/** Takes a port as soon as it is free. */
async function squat(port: number): Promise<Server> {
  for (;;) {
    const server = createServer().listen(port, '127.0.0.1');
    const isTaken = await once(server, 'listening').then(
      () => false,
      () => true,
    );
    if (!isTaken) return server;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
