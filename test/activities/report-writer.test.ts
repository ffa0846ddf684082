import { expect, test } from 'vitest';
import type { Report } from '../../src/activities/report.ts';
import { noUsage } from '../../src/domain/usage.ts';
import { executionSetting } from './execution-setting.ts';
import { SESSION } from './runner-setting.ts';

const never = new AbortController().signal;

test('a report tells what the contract has cost beside the work, and when the session ended; written again it is the same', async () => {
  const { chunk, execution, frozen, store } = await executionSetting(
    { turns: [{ tools: [{ name: 'submit_result', args: { summary: 'Done.' } }] }] },
    { delivery: 'patch', acceptance: ['true'] },
  );
  await store.sessions.addContractUsage(SESSION, {
    ...noUsage,
    inputTokens: 70,
    outputTokens: 3,
    costUsd: 2,
    wallMs: 9,
  });
  const { tree } = await chunk(0);
  const result = { sessionId: SESSION, tree };
  const { verified } = await execution.verify({ ...result, iteration: 0 }, never);
  const delivered = await execution.deliver({ ...result, verified }, never);
  const write = async () => {
    await execution.conclude(SESSION, { phase: 'COMPLETE', frozen, delivered }, never);
    const text = async (name: string) => (await store.artifacts.read(SESSION, name)).bytes.toString();
    return { json: await text('report.json'), markdown: await text('report.md') };
  };
  const first = await write();
  const { createdAt, endedAt, usage } = JSON.parse(first.json) as Report;
  expect(usage.contract).toEqual({ tokens: 73, costUsd: 2, wallMs: 9 });
  expect(usage.costUsd).toBe((await store.journal.usage(SESSION)).costUsd);
  expect(usage.elapsedMs).toBe(endedAt - createdAt);
  expect(Math.abs(Date.now() - endedAt)).toBeLessThan(60_000);
  expect(first.markdown).toContain('| Cost of the contract | 73 tokens, 2.0000 USD, on top |');
  expect(await write()).toEqual(first);
});
