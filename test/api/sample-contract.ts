import type { Contract } from '../../src/domain/contract.ts';

/** A contract with one open question, or with its answer. */
export function sampleContract(answered: boolean): Contract {
  return {
    goal: 'The task is done.',
    requiredInputs: [],
    requiredFiles: [],
    requiredTools: ['read'],
    requiredScripts: [],
    missingInformation: ['Target directory not specified'],
    questions: [{ id: 'q1', question: 'Which directory?', why: 'There are several.', default: null, input: null }],
    acceptance: [],
    assumptions: [],
    items: [
      {
        kind: 'question',
        name: 'q1',
        source: 'model',
        state: answered ? 'satisfied' : 'missing',
        evidence: answered ? 'answered' : 'Target directory not specified',
      },
    ],
  };
}
