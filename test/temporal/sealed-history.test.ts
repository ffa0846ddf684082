import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { NativeConnection, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { HoldfastError } from '../../src/domain/failure.ts';
import { KeyRing } from '../../src/sealing/key-ring.ts';
import { createClient, type TemporalOptions } from '../../src/temporal/connection.ts';
import { dataConverterFor } from '../../src/temporal/data-converter.ts';
import { freePort, startEmbeddedServer, type EmbeddedServer } from '../../src/temporal/embedded-server.ts';
import { registerSearchAttributes } from '../../src/temporal/search-attributes.ts';
import { loadWorkflowBundle } from '../../src/temporal/workflow-bundle.ts';
import * as messages from '../../src/workflows/messages.ts';
import { until } from '../support/holdfast.ts';
import { sampleInput } from '../workflows/sample-input.ts';
import { standInActivities } from '../workflows/stand-in-activities.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-sealed-'));
let server: EmbeddedServer;
let options: TemporalOptions;

beforeAll(async () => {
  server = await startEmbeddedServer({ directory, port: await freePort(), uiPort: await freePort() });
  options = { connectionOptions: { address: server.address }, namespace: 'default' };
});
afterAll(async () => {
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

const canary = (of: string) => `canary-${of}-${randomBytes(12).toString('hex')}`;

/** Runs a session into which canaries go by every way there is, to a failure, and answers them and what its history shows. */
async function historyWith(ring: KeyRing | null): Promise<{ canaries: string[]; history: string; visible: string }> {
  const canaries = ['input', 'signal', 'update', 'missing', 'failure'].map(canary);
  const [input = '', signal = '', update = '', missing = '', failure = ''] = canaries;
  const dataConverter = dataConverterFor(ring);
  const client = createClient(options, dataConverter);
  const connection = await NativeConnection.connect(options.connectionOptions);
  onTestFinished(async () => {
    await client.connection.close();
    await connection.close();
  });
  await registerSearchAttributes(client);
  const { activities } = standInActivities({
    checkPreflight: async ({ answers, inputs }) => ({
      missing: answers['q1'] === undefined || inputs['a'] === undefined ? [missing] : [],
      awaited: { inputs: ['a'], answers: ['q1'] },
    }),
    runChunk: async () => {
      const told = new HoldfastError('BLOCKED', failure).toFailure();
      const facts = { type: 'BLOCKED', message: failure, nonRetryable: true, details: [told] };
      throw ApplicationFailure.create({ ...facts, cause: new Error(failure) });
    },
  });
  const taskQueue = `test-${randomUUID()}`;
  const workflowId = `session/${taskQueue}`;
  const cache = join(directory, 'cache');
  const worker = await Worker.create({
    connection,
    taskQueue,
    activities,
    ...(dataConverter && { dataConverter }),
    workflowBundle: await loadWorkflowBundle(cache, dataConverter?.failureConverterPath),
  });
  await worker.runUntil(async () => {
    const args = [sampleInput({ webhook: { retries: 1, backoffMs: 1, note: input } as never })];
    const handle = await client.workflow.start('session', { taskQueue, workflowId, args });
    await until(async () => (await handle.query(messages.viewQuery)).stage === 'awaiting_input');
    expect((await handle.query(messages.viewQuery)).missing).toEqual([missing]);
    await handle.signal(messages.supplyInfoSignal, { requestId: 's', inputs: { a: signal } });
    await handle.executeUpdate(messages.supplyInfoUpdate, { args: [{ requestId: 'u', answers: { q1: update } }] });
    const ended = await handle.result().catch((error: unknown) => error as WorkflowFailedError);
    expect((ended as WorkflowFailedError).cause).toMatchObject({ type: 'BLOCKED', message: failure });
  });
  // As somebody sees it who has no key.
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: 'default',
    execution: { workflowId },
  });
  const described = await client.workflowService.describeWorkflowExecution({
    namespace: 'default',
    execution: { workflowId },
  });
  return { canaries, history: textOf(history), visible: textOf(described) };
}

/** All strings and bytes of a message, one after the other. */
function textOf(message: unknown): string {
  if (message instanceof Uint8Array) return `${Buffer.from(message).toString('latin1')}\n`;
  if (typeof message !== 'object' || message === null) return `${String(message)}\n`;
  return Object.values(message).map(textOf).join('');
}

test('with keys, history and database of Temporal hold no plain text, and everything still works', async () => {
  const key = randomBytes(32);
  const { canaries, history, visible } = await historyWith(new KeyRing(() => [key]));
  expect(['binary/encrypted', 'Encoded failure'].every((text) => history.includes(text))).toBe(true);
  const files = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isFile());
  const places = files.map(({ name }) => [name, readFileSync(join(directory, name), 'latin1')]);
  const leaks = [['history', history], ['description', visible], ...places].flatMap(([place = '', text = '']) =>
    canaries.filter((one) => text.includes(one)).map((one) => `${one} in ${place}`),
  );
  expect(leaks).toEqual([]);
});

test('without keys it is all there to be read, so the test above can fail', async () => {
  const { canaries, history } = await historyWith(null);
  const hidden = canaries.filter((text) => !history.includes(text));
  expect(hidden.map((text) => text.split('-')[1])).toEqual([]);
  const database = Buffer.concat(
    readdirSync(directory)
      .filter((name) => name.startsWith('temporal.db'))
      .map((name) => readFileSync(join(directory, name))),
  );
  expect(canaries.every((text) => database.includes(text))).toBe(true);
});
