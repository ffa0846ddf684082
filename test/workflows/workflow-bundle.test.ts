import { join } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');

test('the workflow bundle holds the workflows, session.ts and failure.ts of ours and nothing else', async () => {
  const { code } = await bundleWorkflowCode({ workflowsPath: join(root, 'src', 'workflows', 'index.ts') });
  // The source map is inline; its sources are the modules.
  const map = /sourceMappingURL=data:application\/json;charset=utf-8;base64,(\S+)/.exec(code)?.[1] ?? '';
  const { sources } = JSON.parse(Buffer.from(map, 'base64').toString('utf8')) as { sources: string[] };
  const ours = sources.filter((source) => source.includes('/src/') && !source.includes('node_modules'));
  const names = ours.map((source) => source.replace(/^.*\/src\//, '')).filter((name) => !name.startsWith('workflow-'));
  expect(names.filter((name) => !name.startsWith('workflows/')).toSorted()).toEqual([
    'domain/delivery-failures.ts',
    'domain/failure.ts',
    'domain/session.ts',
    'domain/source-failures.ts',
  ]);
  const foreign = sources.flatMap((source) => /node_modules\/((@[^/]+\/)?[^/]+)/.exec(source)?.[1] ?? []);
  const others = new Set(foreign.filter((name) => !name.startsWith('@temporalio/')));
  expect(others).toEqual(new Set(['long', 'ms', 'nexus-rpc']));
});
