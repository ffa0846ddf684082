import { expect, onTestFinished, test } from 'vitest';
import { createClient } from '../../src/temporal/connection.ts';
import { freePort } from '../../src/temporal/embedded-server.ts';
import { KeptServer } from '../../src/temporal/kept-server.ts';
import { processStart } from '../../src/temporal/process-identity.ts';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../support/holdfast.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

test('a server that is killed is started again at its address, and one that is stopped stays away', async () => {
  const directory = temporaryDirectory();
  const told: string[] = [];
  const tell = (_facts: object, message: string): void => void told.push(message);
  const ports = { port: await freePort(), uiPort: await freePort() };
  const server = await KeptServer.start({ directory, ...ports }, { info: tell, warn: tell });
  onTestFinished(() => server.stop());
  const client = createClient({ connectionOptions: { address: server.address }, namespace: 'default' });
  onTestFinished(() => client.connection.close());
  const pid = (): number => JSON.parse(readFileSync(join(directory, 'temporal.json'), 'utf8')).pid as number;
  const killed = pid();

  process.kill(killed, 'SIGKILL');
  await until(() => pid() !== killed);
  await until(() =>
    client.connection
      .withDeadline(Date.now() + 500, () => client.workflowService.getSystemInfo({}))
      .then(
        () => true,
        () => false,
      ),
  );
  expect(server.address).toBe(`127.0.0.1:${ports.port}`);
  expect(told).toEqual(['temporal', 'temporal ended; starting it again']);

  const last = pid();
  await server.stop();
  expect(processStart(last)).toBe('gone');
});
