import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { freePort, startEmbeddedServer } from '../../src/temporal/embedded-server.ts';
import { registerSearchAttributes } from '../../src/temporal/search-attributes.ts';
import { loadWorkflowBundle } from '../../src/temporal/workflow-bundle.ts';

/** A real Temporal server of its own for a test file, and a client of it. */
export interface TestTemporal {
  readonly env: TestWorkflowEnvironment;
  stop(): Promise<void>;
}

/** Starts the dev server as Holdfast does, with the search attributes registered. */
export async function startTemporal(): Promise<TestTemporal> {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-temporal-'));
  const server = await startEmbeddedServer({ directory, port: await freePort(), uiPort: await freePort() });
  const env = await TestWorkflowEnvironment.createFromExistingServer({ address: server.address, namespace: 'default' });
  await registerSearchAttributes(env.client);
  return {
    env,
    stop: async () => {
      await env.teardown();
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The workflows, bundled once for all test runs on the same code. */
export function workflowBundle(): Promise<{ readonly code: string }> {
  return loadWorkflowBundle(join(tmpdir(), 'holdfast-test-bundles'));
}
