import { DatabaseSync } from 'node:sqlite';
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Report } from '../../src/activities/report.ts';
import { canonicalJson } from '../../src/digest/canonical-json.ts';
import { HoldfastError, toFailure } from '../../src/domain/failure.ts';
import type { Turn } from '../support/scripted-model/scenario.ts';
import { sampleContract } from '../api/sample-contract.ts';
import { executionSetting, type ExecutionSetting } from './execution-setting.ts';
import { SESSION } from './runner-setting.ts';

/** What somebody changes in blobs and records is found out before anything is executed by it. */

const bash = (command: string): Turn => ({ tools: [{ name: 'bash', args: { command } }] });
const submit: Turn = { tools: [{ name: 'submit_result', args: { summary: 'Done.' } }] };
const scenario = { turns: [bash('echo 1 >> log'), bash('echo 2 >> log'), bash('echo 3 >> log'), submit] };
const never = new AbortController().signal;

const fileOf = ({ root }: ExecutionSetting, blob: string): string => {
  const hex = blob.slice('sha256:'.length);
  return join(root, 'store', 'blobs', hex.slice(0, 2), hex);
};

function sql({ root }: ExecutionSetting, statement: string, ...parameters: string[]): void {
  const db = new DatabaseSync(join(root, 'store', 'records.db'));
  db.prepare(statement).run(...parameters);
  db.close();
}

/** A snapshot that would be valid, had it been frozen: it pushes to another branch. */
async function otherSnapshot(setting: ExecutionSetting, changes: object): Promise<{ text: string; digest: string }> {
  const text = canonicalJson({ ...setting.snapshot, branch: 'elsewhere', ...changes });
  return { text, digest: await setting.store.blobs.put(SESSION, text) };
}

test.each<[string, (setting: ExecutionSetting) => Promise<void> | void]>([
  ['has other bytes', (setting) => writeFileSync(fileOf(setting, setting.frozen.digest), '{}')],
  ['is cut short', (setting) => truncateSync(fileOf(setting, setting.frozen.digest), 100)],
  [
    'is replaced by another valid one',
    async (setting) => writeFileSync(fileOf(setting, setting.frozen.digest), (await otherSnapshot(setting, {})).text),
  ],
  [
    'is another valid one by the records',
    async (setting) => {
      const { digest } = await otherSnapshot(setting, {});
      sql(setting, 'UPDATE sessions SET frozen_json = ?', JSON.stringify({ ...setting.frozen, digest }));
    },
  ],
  [
    'is that of another session by the records',
    async (setting) => {
      const { digest } = await otherSnapshot(setting, { sessionId: 'ses_other' });
      sql(setting, 'UPDATE sessions SET frozen_json = ?', JSON.stringify({ ...setting.frozen, digest }));
    },
  ],
])('a snapshot that %s is refused by each step, and no model is asked', async (_, tamper) => {
  const setting = await executionSetting(scenario);
  const { execution, frozen, model, snapshot } = setting;
  await tamper(setting);
  const refused = { code: 'SNAPSHOT_TAMPERED', retryable: false };
  await expect(setting.chunk(0)).rejects.toMatchObject(refused);
  const result = { sessionId: SESSION, digest: frozen.digest, tree: snapshot.base.tree };
  await expect(execution.verify({ ...result, iteration: 0 }, never)).rejects.toMatchObject(refused);
  await expect(execution.deliver({ ...result, verified: true }, never)).rejects.toMatchObject(refused);
  expect(model.journal()).toHaveLength(0);
});

/** Another worker, without any files, goes on after the first two turns. */
async function elsewhere(setting: ExecutionSetting): Promise<void> {
  await setting.chunk(0);
  rmSync(join(setting.root, 'work'), { recursive: true });
}

test.each<[string, (setting: ExecutionSetting, packs: readonly string[]) => void]>([
  ['has other bytes', (setting, [first = '']) => writeFileSync(fileOf(setting, first), 'PACK nonsense')],
  ['is cut short', (setting, [first = '']) => truncateSync(fileOf(setting, first), 40)],
  [
    'is replaced by another valid one',
    (setting, [first = '', second = '']) =>
      sql(setting, 'UPDATE checkpoints SET pack = ? WHERE pack = ?', first, second),
  ],
])('a pack that %s pauses the session before the model is asked again', async (_, tamper) => {
  const setting = await executionSetting(scenario, { maxTurns: 2 });
  await elsewhere(setting);
  const asked = setting.model.journal().length;
  tamper(setting, await setting.store.journal.packs(SESSION));
  await expect(setting.chunk(1)).rejects.toMatchObject({ code: 'CHECKPOINT_TAMPERED' });
  expect(setting.model.journal()).toHaveLength(asked);
});

test('a checkpoint that the records say has another tree than Temporal saw pauses the session', async () => {
  const setting = await executionSetting(scenario, { maxTurns: 2 });
  const reached = await setting.chunk(0);
  const asked = setting.model.journal().length;
  sql(setting, 'UPDATE checkpoints SET tree = ? WHERE turn = 2', setting.snapshot.base.tree);
  await expect(setting.chunk(1, { reached })).rejects.toMatchObject({
    code: 'CHECKPOINT_TAMPERED',
    message: expect.stringContaining(reached.tree),
  });
  sql(setting, 'DELETE FROM checkpoints WHERE turn = 2');
  await expect(setting.chunk(1, { reached })).rejects.toMatchObject({ code: 'CHECKPOINT_TAMPERED' });
  expect(setting.model.journal()).toHaveLength(asked);
});

test('what the records say of the contract after the freeze is not what the report tells', async () => {
  const setting = await executionSetting(scenario);
  const agreed = sampleContract(true);
  const forged = { ...agreed, goal: 'Something else.', assumptions: ['Nobody minds.'] };
  sql(setting, 'UPDATE sessions SET contract_json = ?', JSON.stringify(forged));
  const failure = toFailure(new HoldfastError('BLOCKED', 'No way.'));
  await setting.execution.conclude(SESSION, { phase: 'FAILED', failure, from: 'EXECUTING' }, never);
  const report = JSON.parse(
    (await setting.store.artifacts.read(SESSION, 'report.json')).bytes.toString('utf8'),
  ) as Report;
  expect(report).toMatchObject({ goal: agreed.goal, assumptions: agreed.assumptions });
});
