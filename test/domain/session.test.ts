import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { phases, transitions, workBranchOf, workflowIdOf } from '../../src/domain/session.ts';

const readme = readFileSync(join(import.meta.dirname, '..', '..', 'README.md'), 'utf8');

/** The edges that the README's diagram draws. */
function drawn(): Set<string> {
  const diagram = /```\n(INIT →[\s\S]*?)```/.exec(readme)?.[1] ?? '';
  const [chain = '', , paused = ''] = diagram.split('\n');
  const edges = new Set<string>();
  const states = chain.split('→').map((state) => state.trim());
  for (const [index, state] of states.slice(0, -1).entries()) edges.add(`${state}>${states[index + 1]}`);
  for (const state of (paused.split('⇄')[1] ?? '').replace(/\(.*/, '').split(',')) {
    edges.add(`PAUSED>${state.trim()}`).add(`${state.trim()}>PAUSED`);
  }
  return edges;
}

test("the README's diagram is the one that runs", () => {
  const edges = Object.entries(transitions).flatMap(([from, next]) => next.map((to) => `${from}>${to}`));
  // EXECUTING goes on to itself, chunk by chunk: the diagram does not draw that.
  expect(drawn()).toEqual(new Set(edges.filter((edge) => edge !== 'EXECUTING>EXECUTING')));
});

test('every phase but the two ends can be left, and only into phases', () => {
  expect(phases.filter((phase) => !(phase in transitions))).toEqual(['COMPLETE', 'FAILED']);
  for (const next of Object.values(transitions).flat()) expect(phases).toContain(next);
});

test('ids of workflow and work branch follow from the session', () => {
  expect(workflowIdOf('ses_1')).toBe('session/ses_1');
  expect(workBranchOf('ses_1')).toBe('feat/ai-task-1');
});
