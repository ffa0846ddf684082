import { expect, test } from 'vitest';
import { assess } from '../../src/domain/assessment.ts';
import { acceptanceOf, canProceed, ContractDraft } from '../../src/domain/contract.ts';
import { mergeSkill } from '../../src/domain/contract-merge.ts';
import { guardsOf } from '../../src/domain/guards.ts';

test('what the repository suggests counts when nobody demands a command and a probe confirms it, and then as a guard', () => {
  const draft = ContractDraft.parse({ goal: 'Do it.' });
  const after = (acceptance: string[], confirmed: boolean) => {
    const contract = mergeSkill(draft, null, { acceptance, discovered: ['npm test'], remote: null });
    const finding = { kind: 'command', name: 'npm test', confirmed, evidence: 'looked' } as const;
    return assess(contract, { findings: [finding], inputs: {}, answers: {}, onMissing: 'ask', waivers: [] });
  };
  const proposed = after([], true);
  expect([acceptanceOf(proposed), guardsOf(proposed)]).toEqual([['npm test'], ['npm test']]);
  expect(proposed.items).toMatchObject([{ kind: 'command', source: 'repository', state: 'satisfied' }]);
  const absent = after([], false);
  expect([acceptanceOf(absent), canProceed(absent)]).toEqual([[], true]);
  const demanded = after(['make check'], true);
  expect([acceptanceOf(demanded), guardsOf(demanded)]).toEqual([['make check'], []]);
});
