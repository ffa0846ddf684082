import { defineSearchAttributeKey, SearchAttributeType, TypedSearchAttributes } from '@temporalio/common';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { createClient } from '../../src/temporal/connection.ts';
import { freePort, startEmbeddedServer, type EmbeddedServer } from '../../src/temporal/embedded-server.ts';
import { registerSearchAttributes } from '../../src/temporal/search-attributes.ts';
import { searchAttributes } from '../../src/workflows/search-attributes.ts';
import { until } from '../support/holdfast.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
let server: EmbeddedServer;
let client: Client;

beforeAll(async () => {
  server = await startEmbeddedServer({ directory, port: await freePort(), uiPort: await freePort() });
  client = createClient({ connectionOptions: { address: server.address }, namespace: 'default' });
});

afterAll(async () => {
  await client.connection.close();
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

test('the attributes are registered as keywords, as often as one likes, and sessions are found by them', async () => {
  await Promise.all([registerSearchAttributes(client), registerSearchAttributes(client)]);
  await registerSearchAttributes(client);
  const { customAttributes } = await client.connection.operatorService.listSearchAttributes({ namespace: 'default' });
  const types = Object.values(searchAttributes).map((name) => [name, customAttributes[name]]);
  expect(types).toEqual([
    ['HoldfastState', 2],
    ['HoldfastTenant', 2],
    ['HoldfastRepository', 2],
  ]);

  const pairs = Object.values(searchAttributes).map((name) => ({
    key: defineSearchAttributeKey(name, SearchAttributeType.KEYWORD),
    value: `of ${name}`,
  }));
  const typedSearchAttributes = new TypedSearchAttributes(pairs);
  await client.workflow.start('anything', { workflowId: 'found', taskQueue: 'nobody', typedSearchAttributes });
  const query = pairs.map(({ key, value }) => `${key.name} = '${value}'`).join(' AND ');
  // What is asked here is eventually consistent.
  await until(async () => (await client.workflow.count(query)).count === 1);
});
