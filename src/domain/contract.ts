import * as z from 'zod';
import { pathFault } from './relative-path.ts';
import { inputName, type Skill } from './skill.ts';

/** Most questions of one preflight; all are asked in one round. */
export const MAX_QUESTIONS = 5;

const Line = z.string().trim().min(1).max(1_000);
const RepositoryPath = z
  .string()
  .trim()
  .max(500)
  .superRefine((path, context) => {
    const fault = pathFault(path);
    if (fault !== null) context.addIssue(fault);
  });

/** A question to the people who asked for the task. */
export const Question = z.strictObject({
  id: z
    .string()
    .regex(inputName, 'must be a letter, then letters, digits, _ or -, at most 64')
    .describe('Short and unique, for example q1.'),
  question: Line,
  why: Line.describe('What goes wrong without an answer.'),
  default: z
    .string()
    .trim()
    .max(1_000)
    .nullable()
    .default(null)
    .describe('What to assume when nobody answers, or null.'),
  input: z
    .string()
    .nullable()
    .default(null)
    .describe('The entry of requiredInputs that the answer stands for, or null.'),
});
export type Question = z.infer<typeof Question>;

/**
 * What the model writes. To the model every field is required, which strict tool calls want; a list that it leaves out
 * all the same is empty, for that is what weaker models mean by it.
 */
export const ContractDraft = z
  .strictObject({
    goal: Line.describe('What will be true when the task is done, in one or two sentences.'),
    requiredInputs: z
      .array(z.string().regex(inputName, 'must be a letter, then letters, digits, _ or -, at most 64'))
      .max(20)
      .default([])
      .describe('Names of values that the caller must give and that nothing else tells.'),
    requiredFiles: z
      .array(RepositoryPath)
      .max(50)
      .default([])
      .describe('Globs of files the work needs, relative to the root.'),
    requiredTools: z.array(Line).max(20).default([]).describe('Tools of the agent the work needs.'),
    requiredScripts: z
      .array(RepositoryPath)
      .max(20)
      .default([])
      .describe('Paths of scripts of the repository the work runs.'),
    missingInformation: z
      .array(Line)
      .max(MAX_QUESTIONS)
      .default([])
      .describe('What is missing, one short sentence each; one question for each, in the same order.'),
    questions: z.array(Question).max(MAX_QUESTIONS).default([]).describe(`At most ${MAX_QUESTIONS}, ids unique.`),
    acceptance: z
      .array(Line)
      .max(10)
      .default([])
      .describe('Shell commands that exist in the repository and are green when the task is done.'),
    assumptions: z.array(Line).max(20).default([]).describe('What you take for granted instead of asking.'),
  })
  .superRefine(({ questions }, context) => {
    const ids = questions.map(({ id }) => id);
    if (new Set(ids).size < ids.length)
      context.addIssue({ code: 'custom', path: ['questions'], message: 'ids must be unique' });
  });
export type ContractDraft = z.infer<typeof ContractDraft>;

/** What a contract can demand. */
const itemKinds = ['input', 'file', 'tool', 'script', 'command', 'remote', 'question'] as const;
export type ItemKind = (typeof itemKinds)[number];

/**
 * One demand and how it stands. `missing` blocks, the others do not: `satisfied` is proven, `waived` was settled
 * without the thing itself, `unverified` is a claim of the model that no probe confirms.
 */
export const ContractItem = z.strictObject({
  kind: z.enum(itemKinds),
  /** The input's name, glob, tool, path, command, remote or question id. */
  name: z.string(),
  state: z.enum(['satisfied', 'missing', 'unverified', 'waived']),
  source: z.enum(['skill', 'model', 'task', 'repository']),
  /** What the state rests on, for people. */
  evidence: z.string(),
});
export type ContractItem = z.infer<typeof ContractItem>;

const texts = z.array(z.string());

/** The contract: what the skill declares and the model found, item by item. JSON as the API shows it. */
export const Contract = z.strictObject({
  goal: z.string(),
  requiredInputs: texts,
  requiredFiles: texts,
  requiredTools: texts,
  requiredScripts: texts,
  /** One text per question, in the same order. */
  missingInformation: texts,
  questions: z.array(Question),
  acceptance: texts,
  assumptions: texts,
  items: z.array(ContractItem),
});
export type Contract = z.infer<typeof Contract>;

/** What the task itself demands besides skill and model. */
export interface TaskDemands {
  readonly acceptance: readonly string[];
  /** Commands that the repository suggests: proposals, like the model's. */
  readonly discovered?: readonly string[];
  /** The remote that the delivery pushes to, or null. */
  readonly remote: string | null;
}

type Source = ContractItem['source'];
const UNCHECKED = 'not checked yet';

/**
 * The contract of a draft: what the skill declares is always part of it, whatever the model says, and stays the skill's
 * even if the model names it too. Nothing is checked yet. Questions come out paired with `missingInformation`, entry by
 * entry.
 */
export function mergeSkill(
  draft: ContractDraft,
  skill: Skill | null,
  task: TaskDemands = { acceptance: [], remote: null },
): Contract {
  const inputs = (skill?.requiredInputs ?? []).map(({ name }) => name);
  const { questions, missingInformation } = pairQuestions(draft, inputs);
  const items = [
    ...itemsOf('input', [
      [inputs, 'skill'],
      [draft.requiredInputs, 'model'],
    ]),
    ...itemsOf('file', [
      [skill?.requiredFiles, 'skill'],
      [draft.requiredFiles, 'model'],
    ]),
    ...itemsOf('tool', [
      [skill?.requiredTools, 'skill'],
      [draft.requiredTools, 'model'],
    ]),
    ...itemsOf('script', [
      [skill?.requiredScripts, 'skill'],
      [draft.requiredScripts, 'model'],
    ]),
    ...itemsOf('command', [
      [task.acceptance, 'task'],
      [skill?.acceptance, 'skill'],
      [task.discovered, 'repository'],
      [draft.acceptance, 'model'],
    ]),
    ...itemsOf('remote', [[task.remote === null ? [] : [task.remote], 'task']]),
    ...itemsOf('question', [[questions.map(({ id }) => id), 'model']]),
  ];
  const named = (kind: ItemKind) => items.filter((item) => item.kind === kind).map(({ name }) => name);
  return {
    goal: draft.goal,
    requiredInputs: named('input'),
    requiredFiles: named('file'),
    requiredTools: named('tool'),
    requiredScripts: named('script'),
    missingInformation,
    questions,
    acceptance: named('command'),
    assumptions: draft.assumptions,
    items,
  };
}

/** Items of one kind, each name once; the first source that names it counts. */
function itemsOf(kind: ItemKind, named: readonly (readonly [readonly string[] | undefined, Source])[]): ContractItem[] {
  const items = new Map<string, ContractItem>();
  for (const [names, source] of named) {
    for (const name of names ?? []) {
      if (!items.has(name)) items.set(name, { kind, name, state: 'unverified', source, evidence: UNCHECKED });
    }
  }
  return [...items.values()];
}

/**
 * One text in `missingInformation` per question. Texts without a question become one; inputs that only the model wants
 * become one, too, so that they can be answered in words; beyond {@link MAX_QUESTIONS} nothing is asked. A question for
 * an input that the skill declares is dropped: the input itself is asked for.
 */
function pairQuestions(
  draft: ContractDraft,
  declared: readonly string[],
): Pick<Contract, 'questions' | 'missingInformation'> {
  const taken = new Set(draft.questions.map(({ id }) => id));
  const freshId = (wanted: string): string => {
    const id = taken.has(wanted) ? freshId(`${wanted.slice(0, 60)}-x`) : wanted;
    taken.add(id);
    return id;
  };
  const known = (input: string | null) => (input !== null && draft.requiredInputs.includes(input) ? input : null);
  const asked = draft.questions
    .map((question, index) => ({ text: draft.missingInformation[index] ?? question.question, question }))
    .filter(({ question }) => question.input === null || !declared.includes(question.input))
    .map(({ text, question }) => ({ text, question: { ...question, input: known(question.input) } }));
  const untold = draft.missingInformation.slice(draft.questions.length).map((text, index) => ({
    text,
    question: {
      id: freshId(`m${index + 1}`),
      question: text,
      why: 'The task does not say it.',
      default: null,
      input: null,
    },
  }));
  const covered = new Set([...declared, ...asked.map(({ question }) => question.input)]);
  const inputs = [...new Set(draft.requiredInputs)].filter((name) => !covered.has(name));
  const wanted = inputs.map((name) => ({
    text: `Input "${name}" is not given`,
    question: {
      id: freshId(name),
      question: `Which value has the input "${name}"?`,
      why: 'The work needs it.',
      default: null,
      input: name,
    },
  }));
  const pairs = [...asked, ...untold, ...wanted].slice(0, MAX_QUESTIONS);
  return { questions: pairs.map(({ question }) => question), missingInformation: pairs.map(({ text }) => text) };
}

/** What is missing, in the words that are shown; empty when the work can start. */
export function missingInfo(contract: Contract): string[] {
  const texts = contract.items.filter(({ state }) => state === 'missing').map((item) => textOf(item, contract));
  return [...new Set(texts.filter((text) => text !== null))];
}

/** True when nothing is missing. */
export function canProceed(contract: Contract): boolean {
  return contract.items.every(({ state }) => state !== 'missing');
}

/** What can be supplied to go on: names of inputs and ids of questions. */
export function awaitedBy({ items, questions }: Contract): { readonly inputs: string[]; readonly answers: string[] } {
  const missing = (kind: ItemKind) =>
    items.filter((item) => item.kind === kind && item.state === 'missing').map(({ name }) => name);
  const open = missing('question');
  return { inputs: missing('input'), answers: questions.map(({ id }) => id).filter((id) => open.includes(id)) };
}

/** The questions that are still open. */
export function openQuestions(contract: Contract): Question[] {
  const { answers } = awaitedBy(contract);
  return contract.questions.filter(({ id }) => answers.includes(id));
}

/**
 * The commands that decide whether the work is done: those of the task and the skill. Only when there are none, those
 * that the repository suggests or the model proposed and a probe confirmed; a command made up must not be able to fail the work.
 */
export function acceptanceOf({ items }: Contract): string[] {
  const commands = items.filter(({ kind }) => kind === 'command');
  const demanded = commands.filter(({ source }) => !isProposal(source));
  const chosen = demanded.length > 0 ? demanded : commands.filter(({ state }) => state === 'satisfied');
  return chosen.map(({ name }) => name);
}

/** True for who only suggests a command: what was red before may stay red then. */
export function isProposal(source: Source): boolean {
  return source === 'model' || source === 'repository';
}

/** An input of the model's is asked by its question; saying both would ask twice. */
function textOf(item: ContractItem, { questions, missingInformation }: Contract): string | null {
  const index = questions.findIndex(({ id, input }) =>
    item.kind === 'question' ? id === item.name : item.kind === 'input' && input === item.name,
  );
  if (item.kind === 'question') return missingInformation[index] ?? item.name;
  if (item.kind === 'input') return index >= 0 ? null : `Input "${item.name}" is not given`;
  const demand = item.source === 'skill' ? 'the skill requires it' : 'the task requires it';
  return `${nouns[item.kind]} "${item.name}" is missing (${demand}): ${item.evidence}`;
}

const nouns = { file: 'File', tool: 'Tool', script: 'Script', command: 'Command', remote: 'Remote' } as const;
