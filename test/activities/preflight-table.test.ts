import { expect, test } from 'vitest';
import type { Supplied } from '../../src/activities/preflight.ts';
import type { PreflightCase } from './preflight-setting.ts';
import { preflightSetting } from './preflight-setting.ts';

/** A contract: what the model writes, the skill, the repository and the answers, and what must come of it. */
interface Row extends PreflightCase {
  readonly what: string;
  readonly given?: Partial<Supplied>;
  /** `kind name: state (source)`, in the order of the contract. */
  readonly items: readonly string[];
  /** Ids of the questions that are still open. */
  readonly asks?: readonly string[];
  readonly canProceed: boolean;
}

const skill = (frontmatter: string, body = 'Do it.') => ({
  task: {
    skill: { kind: 'inline', text: `---\nname: s\ndescription: d\n${frontmatter}\n---\n${body}\n` } as const,
  },
});
const question = (id: string, more: object = {}) => ({
  id,
  question: `${id}?`,
  why: 'Because.',
  default: null,
  input: null,
  ...more,
});
const asks = (...questions: ReturnType<typeof question>[]) => ({
  questions,
  missingInformation: questions.map(({ id }) => `${id} is open`),
});
const files = { 'src/a.ts': 'a', 'src/b.ts': 'b', 'run.sh': '#!/bin/sh\ntrue\n', 'data.txt': 'x', Makefile: 'all:\n' };
const waive = (kind: 'file' | 'tool' | 'script' | 'command' | 'input' | 'question', name: string) => ({
  waivers: [{ kind, name, reason: 'not needed', by: 'Ada', at: 7 }],
});

const rows: readonly Row[] = [
  { what: 'nothing demanded', items: [], canProceed: true },
  // Files: what the model claims is checked and never blocks; what the skill declares must be there.
  {
    what: 'a glob of the model that matches',
    files,
    contract: { requiredFiles: ['src/*.ts'] },
    items: ['file src/*.ts: satisfied (model)'],
    canProceed: true,
  },
  {
    what: 'a glob of the model that matches nothing',
    files,
    contract: { requiredFiles: ['lib/**'] },
    items: ['file lib/**: unverified (model)'],
    canProceed: true,
  },
  {
    what: 'a glob of the skill that matches',
    files,
    ...skill('required_files: ["src/**"]'),
    items: ['file src/**: satisfied (skill)'],
    canProceed: true,
  },
  {
    what: 'a glob of the skill that matches nothing',
    files,
    ...skill('required_files: ["lib/**"]'),
    items: ['file lib/**: missing (skill)'],
    canProceed: false,
  },
  {
    what: "the same glob from both is the skill's",
    files,
    contract: { requiredFiles: ['lib/**'] },
    ...skill('required_files: ["lib/**"]'),
    items: ['file lib/**: missing (skill)'],
    canProceed: false,
  },
  {
    what: 'an ignored file is not tracked',
    files: { ...files, '.gitignore': 'data.txt\n' },
    ...skill('required_files: [data.txt]'),
    items: ['file data.txt: missing (skill)'],
    canProceed: false,
  },
  {
    what: 'a missing file of the skill that a person waived',
    files,
    ...skill('required_files: ["lib/**"]'),
    given: waive('file', 'lib/**'),
    items: ['file lib/**: waived (skill)'],
    canProceed: true,
  },
  {
    what: 'a waiver of something else waives nothing',
    files,
    ...skill('required_files: ["lib/**"]'),
    given: waive('file', 'src/**'),
    items: ['file lib/**: missing (skill)'],
    canProceed: false,
  },
  {
    what: 'what is there is satisfied, waived or not',
    files,
    ...skill('required_files: ["src/**"]'),
    given: waive('file', 'src/**'),
    items: ['file src/**: satisfied (skill)'],
    canProceed: true,
  },
  {
    what: 'assume does not conjure up a file',
    files,
    task: { ...skill('required_files: ["lib/**"]').task, onMissing: 'assume' },
    items: ['file lib/**: missing (skill)'],
    canProceed: false,
  },
  // Tools.
  {
    what: 'a tool of the model that is in the whitelist',
    contract: { requiredTools: ['bash'] },
    items: ['tool bash: satisfied (model)'],
    canProceed: true,
  },
  {
    what: 'a tool of the model that nobody has',
    contract: { requiredTools: ['browser'] },
    items: ['tool browser: unverified (model)'],
    canProceed: true,
  },
  {
    what: 'a tool of the model that the skill does not grant',
    contract: { requiredTools: ['bash'] },
    ...skill('required_tools: [read]'),
    items: ['tool read: satisfied (skill)', 'tool bash: unverified (model)'],
    canProceed: true,
  },
  {
    what: 'the tools of the skill',
    ...skill('required_tools: [read, grep]'),
    items: ['tool read: satisfied (skill)', 'tool grep: satisfied (skill)'],
    canProceed: true,
  },
  // Scripts.
  {
    what: 'a script of the model that is there',
    files,
    contract: { requiredScripts: ['run.sh'] },
    items: ['script run.sh: satisfied (model)'],
    canProceed: true,
  },
  {
    what: 'a script of the model that is not there',
    files,
    contract: { requiredScripts: ['no.sh'] },
    items: ['script no.sh: unverified (model)'],
    canProceed: true,
  },
  {
    what: 'a script of the skill that is there',
    files,
    ...skill('required_scripts: [run.sh]'),
    items: ['script run.sh: satisfied (skill)'],
    canProceed: true,
  },
  {
    what: 'a script of the skill that is not there',
    files,
    ...skill('required_scripts: [no.sh]'),
    items: ['script no.sh: missing (skill)'],
    canProceed: false,
  },
  {
    what: 'a directory is no script',
    files,
    ...skill('required_scripts: [src]'),
    items: ['script src: missing (skill)'],
    canProceed: false,
  },
  {
    what: 'a script is a path and no glob',
    files,
    ...skill('required_scripts: ["*.sh"]'),
    items: ['script *.sh: missing (skill)'],
    canProceed: false,
  },
  {
    what: 'a script that a person waived',
    files,
    ...skill('required_scripts: [no.sh]'),
    given: waive('script', 'no.sh'),
    items: ['script no.sh: waived (skill)'],
    canProceed: true,
  },
  // Commands.
  {
    what: 'a command of the model whose program is there',
    contract: { acceptance: ['test -s x'] },
    items: ['command test -s x: satisfied (model)'],
    canProceed: true,
  },
  {
    what: 'a command of the model whose program is not there',
    contract: { acceptance: ['nonesuch --all'] },
    items: ['command nonesuch --all: unverified (model)'],
    canProceed: true,
  },
  {
    what: 'a command of the task whose program is not there',
    task: { acceptance: ['nonesuch --all'] },
    items: ['command nonesuch --all: missing (task)'],
    canProceed: false,
  },
  {
    what: 'a command of the skill that bash cannot read',
    ...skill('acceptance: ["if true"]'),
    items: ['command if true: missing (skill)'],
    canProceed: false,
  },
  {
    what: 'a command that is an executable of the repository',
    files,
    task: { acceptance: ['./run.sh --all'] },
    items: ['command ./run.sh --all: satisfied (task)'],
    canProceed: true,
  },
  {
    what: 'a command that is a file nobody can execute',
    files,
    task: { acceptance: ['./data.txt'] },
    items: ['command ./data.txt: missing (task)'],
    canProceed: false,
  },
  {
    what: 'a pipe into a program that is not there',
    task: { acceptance: ['ls | nonesuch'] },
    items: ['command ls | nonesuch: missing (task)'],
    canProceed: false,
  },
  {
    what: 'a program that the command itself may make',
    files,
    task: { acceptance: ['bash run.sh && ./build/app'] },
    items: ['command bash run.sh && ./build/app: satisfied (task)'],
    canProceed: true,
  },
  {
    what: 'a command in a directory',
    files,
    task: { acceptance: ['cd src && ./made.sh'] },
    items: ['command cd src && ./made.sh: satisfied (task)'],
    canProceed: true,
  },
  {
    what: 'a variable before the program',
    task: { acceptance: ['CI=true FLAGS="a b" bash -c true'] },
    items: ['command CI=true FLAGS="a b" bash -c true: satisfied (task)'],
    canProceed: true,
  },
  {
    what: 'a command that a person waived',
    task: { acceptance: ['nonesuch'] },
    given: waive('command', 'nonesuch'),
    items: ['command nonesuch: waived (task)'],
    canProceed: true,
  },
  // Inputs.
  {
    what: 'an input of the skill that is not given',
    ...skill('required_inputs: [ticket]'),
    items: ['input ticket: missing (skill)'],
    canProceed: false,
  },
  {
    what: 'an input of the skill that is given',
    ...skill('required_inputs: [ticket]'),
    given: { inputs: { ticket: 'T-1' } },
    items: ['input ticket: satisfied (skill)'],
    canProceed: true,
  },
  {
    what: 'an input of the skill that came with the task',
    task: { ...skill('required_inputs: [ticket]').task, inputs: { ticket: 'T-1' } },
    items: ['input ticket: satisfied (skill)'],
    canProceed: true,
  },
  {
    what: 'an input of the skill can be neither waived nor assumed',
    task: { ...skill('required_inputs: [ticket]').task, onMissing: 'assume' },
    given: waive('input', 'ticket'),
    items: ['input ticket: missing (skill)'],
    canProceed: false,
  },
  {
    what: 'a question of the model for an input of the skill is not asked',
    ...skill('required_inputs: [ticket]'),
    contract: asks(question('q1', { input: 'ticket' })),
    items: ['input ticket: missing (skill)'],
    canProceed: false,
  },
  {
    what: 'an input of the model is a question',
    contract: { requiredInputs: ['port'] },
    items: ['input port: missing (model)', 'question port: missing (model)'],
    asks: ['port'],
    canProceed: false,
  },
  {
    what: 'an input of the model, answered in words',
    contract: { requiredInputs: ['port'] },
    given: { answers: { port: '8080' } },
    items: ['input port: waived (model)', 'question port: satisfied (model)'],
    canProceed: true,
  },
  {
    what: 'an input of the model, given',
    contract: { requiredInputs: ['port'] },
    given: { inputs: { port: '8080' } },
    items: ['input port: satisfied (model)', 'question port: satisfied (model)'],
    canProceed: true,
  },
  {
    what: 'an input of the model that a person waived',
    contract: { requiredInputs: ['port'] },
    given: waive('input', 'port'),
    items: ['input port: waived (model)', 'question port: waived (model)'],
    canProceed: true,
  },
  // Questions.
  {
    what: 'an open question',
    contract: asks(question('q1')),
    items: ['question q1: missing (model)'],
    asks: ['q1'],
    canProceed: false,
  },
  {
    what: 'two questions, one answered',
    contract: asks(question('q1'), question('q2')),
    given: { answers: { q1: 'yes' } },
    items: ['question q1: satisfied (model)', 'question q2: missing (model)'],
    asks: ['q2'],
    canProceed: false,
  },
  {
    what: 'a blank answer answers nothing',
    contract: asks(question('q1')),
    given: { answers: { q1: '  ' } },
    items: ['question q1: missing (model)'],
    asks: ['q1'],
    canProceed: false,
  },
  {
    what: 'a question, assumed',
    contract: asks(question('q1', { default: 'this' })),
    task: { onMissing: 'assume' },
    items: ['question q1: waived (model)'],
    canProceed: true,
  },
  {
    what: 'a question that must not be asked stays open',
    contract: asks(question('q1')),
    task: { onMissing: 'fail' },
    items: ['question q1: missing (model)'],
    asks: ['q1'],
    canProceed: false,
  },
  {
    what: 'a question that a person waived',
    contract: asks(question('q1')),
    given: waive('question', 'q1'),
    items: ['question q1: waived (model)'],
    canProceed: true,
  },
  {
    what: 'a text without a question becomes one',
    contract: { missingInformation: ['Which port?'] },
    items: ['question m1: missing (model)'],
    asks: ['m1'],
    canProceed: false,
  },
  {
    what: 'never more than five questions',
    contract: { missingInformation: ['a', 'b', 'c'], requiredInputs: ['d', 'e', 'f', 'g'] },
    items: [
      'input d: missing (model)',
      'input e: missing (model)',
      'input f: unverified (model)',
      'input g: unverified (model)',
      'question m1: missing (model)',
      'question m2: missing (model)',
      'question m3: missing (model)',
      'question d: missing (model)',
      'question e: missing (model)',
    ],
    asks: ['m1', 'm2', 'm3', 'd', 'e'],
    canProceed: false,
  },
  {
    what: 'everything at once',
    files,
    ...skill(
      'required_inputs: [ticket]\nrequired_files: ["src/**"]\nrequired_tools: [read]\nrequired_scripts: [run.sh]\nacceptance: ["test -d src"]',
    ),
    contract: { ...asks(question('q1')), requiredFiles: ['nowhere/**'], acceptance: ['nonesuch'] },
    given: { inputs: { ticket: 'T-1' }, answers: { q1: 'yes' } },
    items: [
      'input ticket: satisfied (skill)',
      'file src/**: satisfied (skill)',
      'file nowhere/**: unverified (model)',
      'tool read: satisfied (skill)',
      'script run.sh: satisfied (skill)',
      'command test -d src: satisfied (skill)',
      'command nonesuch: unverified (model)',
      'question q1: satisfied (model)',
    ],
    canProceed: true,
  },
];

test('the table has at least forty contracts', () => {
  expect(rows.length).toBeGreaterThanOrEqual(40);
});

test.each(rows)('$what', async ({ given, items, asks: open = [], canProceed, ...one }) => {
  const { check } = await preflightSetting(one);
  const { agreed, awaited, missing } = await check(given);
  expect(agreed.items.map(({ kind, name, state, source }) => `${kind} ${name}: ${state} (${source})`)).toEqual(items);
  expect(awaited.answers).toEqual(open);
  expect(missing.length === 0).toBe(canProceed);
});
