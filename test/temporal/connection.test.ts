import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { connectWorker, createClient, isServerNamed, temporalOptions } from '../../src/temporal/connection.ts';
import { freePort, startEmbeddedServer } from '../../src/temporal/embedded-server.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

afterEach(() => vi.unstubAllEnvs());

test('the environment names the server as it does for the tools of Temporal', () => {
  vi.stubEnv('TEMPORAL_ADDRESS', 'temporal.example:7233');
  vi.stubEnv('TEMPORAL_NAMESPACE', 'coding');
  vi.stubEnv('TEMPORAL_API_KEY', 'a-key');
  expect(temporalOptions('127.0.0.1:7233')).toMatchObject({
    namespace: 'coding',
    connectionOptions: { address: 'temporal.example:7233', apiKey: 'a-key', tls: true },
  });
});

test('without any setting it is the embedded server, whatever profile lies in the home directory', () => {
  const home = temporaryDirectory();
  const profile = join(home, 'temporal.toml');
  writeFileSync(profile, '[profile.default]\naddress = "cloud.example:7233"\nnamespace = "n"\napi_key = "a-key"\n');
  vi.stubEnv('TEMPORAL_CONFIG_FILE', profile);
  expect(temporalOptions('127.0.0.1:7233').connectionOptions.address).toBe('cloud.example:7233');
  expect(isServerNamed()).toBe(true);
  vi.stubEnv('TEMPORAL_CONFIG_FILE', '');
  vi.stubEnv('XDG_CONFIG_HOME', home); // Where the profile of the `temporal` command is looked for (Go's os.UserConfigDir).
  vi.stubEnv('HOME', home);
  expect(temporalOptions('127.0.0.1:7233')).toEqual({
    connectionOptions: { address: '127.0.0.1:7233' },
    namespace: 'default',
  });
  expect(isServerNamed()).toBe(false);
});

test('a worker waits for a server that is not up yet, and no proxy comes between a client and this machine', async () => {
  for (const name of ['http_proxy', 'https_proxy', 'grpc_proxy']) vi.stubEnv(name, 'http://127.0.0.1:1');
  for (const name of ['no_proxy', 'NO_PROXY', 'no_grpc_proxy']) vi.stubEnv(name, undefined);
  const ports = { port: await freePort(), uiPort: await freePort() };
  const options = temporalOptions(`127.0.0.1:${ports.port}`);
  const waited = Promise.withResolvers<unknown>();
  const connecting = connectWorker(options, waited.resolve);
  expect(await waited.promise).toBeInstanceOf(Error);

  const server = await startEmbeddedServer({ directory: temporaryDirectory(), ...ports });
  onTestFinished(() => server.stop());
  const connection = await connecting;
  onTestFinished(() => connection.close());
  const client = createClient(options);
  onTestFinished(() => client.connection.close());
  const ask = () => client.workflowService.getSystemInfo({});
  expect((await client.connection.withDeadline(Date.now() + 5000, ask)).serverVersion).toBeTruthy();
});
