import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assess, type Known } from '../../src/domain/assessment.ts';
import {
  acceptanceOf,
  awaitedBy,
  canProceed,
  Contract,
  ContractDraft,
  MAX_QUESTIONS,
  missingInfo,
  openQuestions,
} from '../../src/domain/contract.ts';
import { mergeSkill } from '../../src/domain/contract-merge.ts';
import { networkOf } from '../../src/domain/egress.ts';
import type { Skill } from '../../src/domain/skill.ts';

const draft = (changes: object = {}) => ContractDraft.parse({ goal: 'Move the module.', ...changes });
const skill = (changes: Partial<Skill> = {}): Skill => ({
  name: 'house-rules',
  description: 'Rules.',
  requiredInputs: [],
  setup: [],
  requiredFiles: [],
  requiredTools: [],
  requiredScripts: [],
  acceptance: [],
  egress: [],
  body: '',
  ...changes,
});
const known = (changes: Partial<Known> = {}): Known => ({
  findings: [],
  inputs: {},
  answers: {},
  onMissing: 'ask',
  waivers: [],
  ...changes,
});
const stateOf = (contract: Contract, name: string) => contract.items.find((item) => item.name === name)?.state;

test('an input that the model wants is asked for once, in its question, and answering either way settles it', () => {
  const question = {
    id: 'q1',
    question: 'Into which directory?',
    why: 'It is moved there.',
    default: null,
    input: 'target_directory',
  };
  const contract = mergeSkill(
    draft({
      requiredInputs: ['target_directory'],
      missingInformation: ['Target directory not specified'],
      questions: [question],
    }),
    null,
  );
  const asked = assess(contract, known());
  expect(missingInfo(asked)).toEqual(['Target directory not specified']);
  expect(awaitedBy(asked)).toEqual({ inputs: ['target_directory'], answers: ['q1'] });
  expect(openQuestions(asked).map(({ id }) => id)).toEqual(['q1']);
  const byInput = assess(asked, known({ inputs: { target_directory: 'lib' } }));
  const byAnswer = assess(asked, known({ answers: { q1: 'Into lib.' } }));
  expect([canProceed(asked), canProceed(byInput), canProceed(byAnswer)]).toEqual([false, true, true]);
  expect(stateOf(byInput, 'target_directory')).toBe('satisfied');
  expect(byAnswer.items.find(({ name }) => name === 'target_directory')).toMatchObject({
    state: 'waived',
    evidence: 'question q1: answered: Into lib.',
  });
});

test('an input of the model without a question gets one; a missing text without a question, too', () => {
  const asked = assess(
    mergeSkill(draft({ requiredInputs: ['account'], missingInformation: ['Which port?'] }), null),
    known(),
  );
  expect(openQuestions(asked).map(({ id, question }) => [id, question])).toEqual([
    ['m1', 'Which port?'],
    ['account', 'Which value has the input "account"?'],
  ]);
  expect(missingInfo(asked)).toEqual(['Which port?', 'Input "account" is not given']);
  expect(canProceed(assess(asked, known({ answers: { m1: '8080', account: 'acme' } })))).toBe(true);
});

test('blank values answer nothing, and neither does what every object has', () => {
  const contract = mergeSkill(draft({ requiredInputs: ['constructor', 'toString'] }), null);
  expect(canProceed(assess(contract, known()))).toBe(false);
  expect(canProceed(assess(contract, known({ inputs: { constructor: ' ', toString: '' } as never })))).toBe(false);
});

test('what a skill declares must be proven, whatever the model says about it', () => {
  const declared = skill({
    requiredInputs: [{ name: 'ticket', description: '' }],
    requiredFiles: ['src/**'],
    requiredTools: ['bash'],
    requiredScripts: ['go.sh'],
    acceptance: ['make check'],
  });
  const merged = mergeSkill(draft({ requiredInputs: ['ticket'], requiredFiles: ['src/**'] }), declared);
  expect(merged.items.every(({ source }) => source === 'skill')).toBe(true);
  const unproven = assess(merged, known({ onMissing: 'assume', answers: { ticket: 'words do not fill a variable' } }));
  expect(missingInfo(unproven)).toHaveLength(5);
  const confirmed = merged.items
    .filter(({ kind }) => kind !== 'input')
    .map(({ kind, name }) => ({ kind, name, confirmed: true, evidence: 'seen' }) as Known['findings'][number]);
  expect(canProceed(assess(merged, known({ findings: confirmed, inputs: { ticket: 'T-1' } })))).toBe(true);
});

test('a claim of the model that a probe denies is unverified and blocks nothing', () => {
  const claims = draft({
    requiredFiles: ['no/such/**'],
    requiredTools: ['teleport'],
    requiredScripts: ['no.sh'],
    acceptance: ['nope'],
  });
  const denied = claims.requiredFiles.map(
    (name) => ({ kind: 'file', name, confirmed: false, evidence: 'matches nothing' }) as const,
  );
  const contract = assess(mergeSkill(claims, null), known({ findings: denied }));
  expect(contract.items.map(({ state }) => state)).toEqual(['unverified', 'unverified', 'unverified', 'unverified']);
  expect(contract.items[0]?.evidence).toBe('matches nothing');
  expect(canProceed(contract)).toBe(true);
});

test('assume waives the questions of the model and notes what is assumed, until there is an answer after all', () => {
  const question = { id: 'q1', question: 'Which style?', why: 'There are two.', default: 'the older one' };
  const contract = mergeSkill(draft({ questions: [question], assumptions: ['Node 24'] }), null);
  const waived = assess(contract, known({ onMissing: 'assume' }));
  expect(canProceed(waived)).toBe(true);
  expect(waived.assumptions).toEqual(['Node 24', 'Nobody was asked "Which style?"; assumed: the older one']);
  expect(assess(waived, known({ onMissing: 'assume' }))).toEqual(waived);
  expect(assess(waived, known({ answers: { q1: 'the newer' } })).assumptions).toEqual(['Node 24']);
});

test('only commands that somebody demanded decide, or else those that the model proposed and a probe confirmed', () => {
  const proposed = draft({ acceptance: ['npm test', 'npm run invented'] });
  const findings = [{ kind: 'command', name: 'npm test', confirmed: true, evidence: 'npm' }] as const;
  expect(acceptanceOf(assess(mergeSkill(proposed, null), known({ findings })))).toEqual(['npm test']);
  const demanded = mergeSkill(proposed, skill({ acceptance: ['make check'] }), {
    acceptance: ['make lint'],
    remote: null,
  });
  expect(acceptanceOf(assess(demanded, known({ findings })))).toEqual(['make lint', 'make check']);
});

test('a host is frozen when it is granted, and one that only a skill of the repository names blocks', () => {
  const demands = { acceptance: [], remote: null, egress: ['b.test', 'a.test'] };
  const contract = mergeSkill(draft(), skill({ egress: ['*.c.test'] }), demands);
  const found = (name: string, confirmed: boolean) => ({ kind: 'host', name, confirmed, evidence: 'e' }) as const;
  const asked = [found('a.test', true), found('b.test', true)];
  const all = assess(contract, known({ findings: [...asked, found('*.c.test', true)] }));
  expect(networkOf(all)).toEqual(['*.c.test', 'a.test', 'b.test']);
  const some = assess(contract, known({ findings: [...asked, found('*.c.test', false)], onMissing: 'assume' }));
  expect(missingInfo(some)).toEqual(['Host "*.c.test" is missing (the skill requires it): e']);
  expect(networkOf(some)).toEqual(['a.test', 'b.test']);
  expect(networkOf(assess(mergeSkill(draft(), null), known()))).toBe('none');
});

test('a remote that must take the push blocks until a probe reaches it', () => {
  const contract = mergeSkill(draft(), null, { acceptance: [], remote: 'https://git.test/a.git' });
  expect(missingInfo(assess(contract, known()))[0]).toContain('Remote "https://git.test/a.git" is missing');
});

test('the draft refuses paths that lead out, too many questions and repeated ids, all at once', () => {
  const question = { id: 'q1', question: '?', why: '!' };
  const { error } = ContractDraft.safeParse({
    goal: ' ',
    requiredFiles: ['/etc', '../x', '~/y', 'C:\\z'],
    questions: Array(6).fill(question),
  });
  expect(error?.issues.map(({ path }) => path.join('.'))).toEqual(
    expect.arrayContaining([
      'goal',
      'requiredFiles.0',
      'requiredFiles.1',
      'requiredFiles.2',
      'requiredFiles.3',
      'questions',
    ]),
  );
  expect(ContractDraft.safeParse({ goal: 'g', questions: [question, question] }).success).toBe(false);
});

const name = fc.constantFrom('alpha', 'beta', 'gamma', 'q1', 'm1', 'delta');
const anyDraft = fc
  .record({
    goal: fc.constant('goal'),
    requiredInputs: fc.uniqueArray(name),
    missingInformation: fc.array(fc.constantFrom('What?', 'Why?', 'Where?'), { maxLength: MAX_QUESTIONS }),
    questions: fc.uniqueArray(
      fc.record({
        id: name,
        question: fc.constant('Which?'),
        why: fc.constant('Because.'),
        default: fc.option(fc.constant('this')),
        input: fc.option(name),
      }),
      { maxLength: MAX_QUESTIONS, selector: ({ id }) => id },
    ),
    requiredFiles: fc.uniqueArray(name),
  })
  .map((fields) => ContractDraft.parse(fields));
const anySkill = fc.option(
  fc
    .uniqueArray(name, { maxLength: 3 })
    .map((names) => skill({ requiredInputs: names.map((input) => ({ name: input, description: '' })) })),
);
const values = fc.dictionary(name, fc.constantFrom('', 'value'));

test('at most five questions, ids unique, one text each, and the contract keeps its shape', () => {
  fc.assert(
    fc.property(anyDraft, anySkill, (written, declared) => {
      const contract = assess(mergeSkill(written, declared), known());
      expect(contract.questions.length).toBeLessThanOrEqual(MAX_QUESTIONS);
      expect(new Set(contract.questions.map(({ id }) => id)).size).toBe(contract.questions.length);
      expect(contract.missingInformation).toHaveLength(contract.questions.length);
      expect(Contract.parse(contract)).toEqual(contract);
    }),
  );
});

test('supplying everything that is awaited always lets the work start: no invention blocks for good', () => {
  fc.assert(
    fc.property(anyDraft, anySkill, fc.boolean(), (written, declared, answerInWords) => {
      const asked = assess(mergeSkill(written, declared), known());
      const awaited = awaitedBy(asked);
      const declaredInputs = (declared?.requiredInputs ?? []).map((input) => input.name);
      const wanted = answerInWords ? awaited.inputs.filter((input) => declaredInputs.includes(input)) : awaited.inputs;
      const fill = (names: readonly string[]) => Object.fromEntries(names.map((key) => [key, 'value']));
      const answers = fill(awaited.answers);
      expect(canProceed(assess(asked, known({ inputs: fill(wanted), answers })))).toBe(true);
    }),
  );
});

test('nothing is missing exactly when the work can start, and judging twice changes nothing', () => {
  fc.assert(
    fc.property(
      anyDraft,
      anySkill,
      values,
      values,
      fc.constantFrom('ask', 'assume', 'fail'),
      (written, declared, inputs, answers, onMissing) => {
        const once = assess(mergeSkill(written, declared), known({ inputs, answers, onMissing }));
        expect(missingInfo(once).length === 0).toBe(canProceed(once));
        expect(assess(once, known({ inputs, answers, onMissing }))).toEqual(once);
      },
    ),
  );
});
