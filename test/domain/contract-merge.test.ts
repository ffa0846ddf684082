import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assess, isWaivable, type Finding, type Known } from '../../src/domain/assessment.ts';
import { applyEdit, ContractEdit } from '../../src/domain/contract-edit.ts';
import { mergeSkill } from '../../src/domain/contract-merge.ts';
import {
  acceptanceOf,
  canProceed,
  Contract,
  ContractDraft,
  grantedByPersons,
  type ContractItem,
} from '../../src/domain/contract.ts';
import type { Skill } from '../../src/domain/skill.ts';
import { itemKinds } from '../../src/domain/waiver.ts';

const name: fc.Arbitrary<string> = fc.constantFrom('alpha', 'beta', 'gamma', 'q1', 'm1');
const names = fc.uniqueArray(name, { maxLength: 4 });
const tools = fc.uniqueArray(fc.constantFrom('read', 'bash', 'task'), { maxLength: 3 });

const anySkill: fc.Arbitrary<Skill> = fc
  .record({ inputs: names, files: names, tools, scripts: names, acceptance: names, egress: names })
  .map(({ inputs, files, tools: wanted, scripts, acceptance, egress }) => ({
    name: 's',
    description: 'd',
    requiredInputs: inputs.map((input) => ({ name: input, description: '' })),
    requiredFiles: files,
    requiredTools: wanted,
    requiredScripts: scripts,
    acceptance,
    egress,
    setup: [],
    body: '',
  }));
const anyDraft = fc
  .record({
    goal: fc.constant('goal'),
    requiredInputs: names,
    requiredFiles: names,
    requiredTools: fc.uniqueArray(fc.constantFrom('read', 'bash', 'task', 'browser'), { maxLength: 4 }),
    requiredScripts: names,
    acceptance: names,
    missingInformation: fc.array(fc.constantFrom('What?', 'Why?'), { maxLength: 5 }),
    questions: fc.uniqueArray(
      fc.record({
        id: name,
        question: fc.constant('Which?'),
        why: fc.constant('Because.'),
        default: fc.option(fc.constant('this')),
        input: fc.option(name),
      }),
      { maxLength: 5, selector: ({ id }) => id },
    ),
  })
  .map((fields) => ContractDraft.parse(fields));
const anyEdit = fc
  .record(
    {
      goal: fc.constant('edited'),
      requiredInputs: names,
      requiredFiles: names,
      requiredTools: tools,
      requiredScripts: names,
      acceptance: names,
      egress: names,
      assumptions: fc.array(fc.constantFrom('one', 'two'), { maxLength: 2 }),
    },
    { requiredKeys: ['goal'] },
  )
  .map((fields) => ContractEdit.parse(fields));
const anyTask = fc.record({ acceptance: names, remote: fc.option(fc.constant('https://git.test/a')) });

const demanded = ({ items }: Contract) =>
  items.filter(({ source }) => source === 'skill' || source === 'task').map(({ kind, name: of }) => `${kind} ${of}`);
const declaredBy = (skill: Skill): string[] => [
  ...skill.requiredInputs.map((input) => `input ${input.name}`),
  ...skill.requiredFiles.map((file) => `file ${file}`),
  ...skill.requiredTools.map((tool) => `tool ${tool}`),
  ...skill.requiredScripts.map((script) => `script ${script}`),
  ...skill.acceptance.map((command) => `command ${command}`),
];
/** Everything a person could answer or give, and nothing that a probe has confirmed. */
const answered: Known = {
  findings: [],
  inputs: Object.fromEntries(['alpha', 'beta', 'gamma', 'q1', 'm1'].map((key) => [key, 'value'])),
  answers: Object.fromEntries(
    ['alpha', 'beta', 'gamma', 'q1', 'm1', 'm2', 'm3', 'm4', 'm5'].map((key) => [key, 'text']),
  ),
  onMissing: 'ask',
  waivers: [],
};
const confirming = (items: readonly ContractItem[]): Finding[] =>
  items.flatMap(({ kind, name: of }) =>
    kind === 'input' || kind === 'question' ? [] : [{ kind, name: of, confirmed: true, evidence: 'seen' }],
  );

test('what the skill and the task demand is always part of the contract, whatever model and people write', () => {
  fc.assert(
    fc.property(anyDraft, anySkill, anyTask, fc.array(anyEdit, { maxLength: 3 }), (draft, skill, task, edits) => {
      const contract = edits.reduce(applyEdit, mergeSkill(draft, skill, task));
      expect(demanded(contract)).toEqual(
        expect.arrayContaining(
          declaredBy(skill).filter(
            (line) => !line.startsWith('command') || !task.acceptance.includes(line.slice('command '.length)),
          ),
        ),
      );
      expect(demanded(contract)).toEqual(
        expect.arrayContaining(task.acceptance.map((command) => `command ${command}`)),
      );
      expect(new Set(contract.items.map(({ kind, name: of }) => `${kind} ${of}`)).size).toBe(contract.items.length);
      expect(Contract.parse(contract)).toEqual(contract);
    }),
  );
});

test('a demand of skill, task or people is never settled by anything but a probe, a value or a waiver', () => {
  fc.assert(
    fc.property(
      anyDraft,
      anySkill,
      anyTask,
      fc.constantFrom('ask', 'assume', 'fail'),
      (draft, skill, task, onMissing) => {
        const merged = mergeSkill(draft, skill, task);
        const unproven = assess(merged, {
          findings: [],
          inputs: {},
          answers: answered.answers,
          onMissing,
          waivers: [],
        });
        const states = unproven.items.filter(({ source }) => source !== 'model').map(({ state }) => state);
        expect(states.every((state) => state === 'missing')).toBe(true);
        const proven = assess(merged, { ...answered, findings: confirming(merged.items) });
        const demands = proven.items.filter(({ source }) => source !== 'model');
        expect(demands.every(({ state }) => state === 'satisfied')).toBe(true);
      },
    ),
  );
});

test('waiving everything that can be waived leaves at most inputs of the skill open', () => {
  fc.assert(
    fc.property(anyDraft, anySkill, anyTask, (draft, skill, task) => {
      const merged = mergeSkill(draft, skill, task);
      const waivers = merged.items.map(({ kind, name: of }) => ({ kind, name: of, reason: 'r', by: 'Ada', at: 1 }));
      const waived = assess(merged, { findings: [], inputs: {}, answers: {}, onMissing: 'ask', waivers });
      expect(waived.items.filter(({ state }) => state === 'missing').some((item) => isWaivable(item))).toBe(false);
      expect(canProceed(waived)).toBe(skill.requiredInputs.length === 0);
      expect(waived.assumptions).toEqual(merged.assumptions);
      // Taken back, it is what it was.
      const none: Known = { findings: [], inputs: {}, answers: {}, onMissing: 'ask', waivers: [] };
      expect(assess(waived, none)).toEqual(assess(merged, none));
    }),
  );
});

test('edits applied again in their order change nothing, also over a contract that was checked in between', () => {
  fc.assert(
    fc.property(anyDraft, anySkill, fc.array(anyEdit, { minLength: 1, maxLength: 4 }), (draft, skill, edits) => {
      const once = edits.reduce(applyEdit, mergeSkill(draft, skill));
      expect(edits.reduce(applyEdit, once)).toEqual(once);
      const checked = assess(once, answered);
      expect(assess(edits.reduce(applyEdit, checked), answered)).toEqual(checked);
    }),
  );
});

test('model and skill grant no tool and no host, whatever they ask for; persons grant exactly what stands in their last list', () => {
  fc.assert(
    fc.property(anyDraft, anySkill, fc.array(anyEdit, { maxLength: 3 }), (draft, skill, edits) => {
      const merged = mergeSkill(draft, skill);
      const contract = edits.reduce(applyEdit, merged);
      const last = (field: 'requiredTools' | 'egress') => edits.findLast((edit) => edit[field] !== undefined)?.[field];
      for (const [kind, field] of [['tool', 'requiredTools'] as const, ['host', 'egress'] as const]) {
        expect(grantedByPersons(merged, kind)).toEqual([]);
        expect(grantedByPersons(contract, kind).toSorted()).toEqual([...(last(field) ?? [])].toSorted());
      }
    }),
  );
});

test('every kind of item can be waived by its name, and a waiver of another kind of the same name waives nothing', () => {
  const draft = ContractDraft.parse({ goal: 'g' });
  const skill: Skill = {
    name: 's',
    description: 'd',
    requiredInputs: [],
    requiredFiles: ['same'],
    requiredTools: ['same'],
    requiredScripts: ['same'],
    acceptance: ['same'],
    egress: ['same'],
    setup: ['same'],
    body: '',
  };
  const merged = mergeSkill(draft, skill, { acceptance: [], remote: 'same', content: ['same'] });
  for (const kind of itemKinds) {
    const waivers = [{ kind, name: 'same', reason: 'r', by: 'Ada', at: 1 }];
    const checked = assess(merged, { findings: [], inputs: {}, answers: {}, onMissing: 'ask', waivers });
    expect(checked.items.filter(({ state }) => state === 'waived').map((item) => item.kind)).toEqual(
      kind === 'input' || kind === 'question' ? [] : [kind],
    );
  }
});

test.each([
  'true',
  ' : ',
  'echo ok',
  'exit 0',
  'true && echo "all green"',
  'npm test || true',
  'npm test; exit 0',
  'npm test;\ntrue',
  'npm test &',
  'npm test | tee log',
  'make || echo red',
])('%s proves nothing: proposed, it decides nothing; demanded, it is run as somebody wants it', (command) => {
  const findings = [{ kind: 'command', name: command.trim(), confirmed: true, evidence: 'seen' }] as const;
  const known: Known = { ...answered, findings };
  const draft = ContractDraft.parse({ goal: 'g', acceptance: [command] });
  expect(acceptanceOf(assess(mergeSkill(draft, null), known))).toEqual([]);
  const task = { acceptance: [command.trim()], remote: null };
  expect(acceptanceOf(assess(mergeSkill(draft, null, task), known))).toEqual([command.trim()]);
});
