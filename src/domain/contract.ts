import * as z from 'zod';
import { isAlwaysGreen } from './always-green.ts';
import { BaseSize } from './base-size.ts';
import { pathFault } from './relative-path.ts';
import { inputName } from './skill.ts';
import { itemKinds, Waiver, type ItemKind } from './waiver.ts';

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

/**
 * One demand and how it stands. `missing` blocks, the others do not: `satisfied` is proven, `waived` was settled
 * without the thing itself, `unverified` is a claim of the model that no probe confirms.
 */
export const ContractItem = z.strictObject({
  kind: z.enum(itemKinds),
  /** The input's name, glob, tool, path, command, remote, host rule, question id, or `submodules` or `lfs` of the content. */
  name: z.string(),
  state: z.enum(['satisfied', 'missing', 'unverified', 'waived']),
  /** Who demands it; `person` is whoever edited the contract. */
  source: z.enum(['skill', 'model', 'task', 'repository', 'person']),
  /** What the state rests on, for people. */
  evidence: z.string(),
  /** A person let it stand in an edit: a tool or host that somebody else named is given as if the person had named it. */
  granted: z.literal(true).optional(),
  /** Whose word it is that nothing depends on the item; only while it is waived by a person. */
  waiver: Waiver.omit({ kind: true, name: true }).optional(),
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
  /** The model that wrote it, by the name its provider answered with; absent when it told none. */
  writtenBy: z.string().optional(),
  /** Of the base; absent in contracts of versions that did not measure it. */
  size: BaseSize.optional(),
});
export type Contract = z.infer<typeof Contract>;

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
 * The commands that decide whether the work is done: those that somebody demanded and nobody waived. Only when nobody
 * demands any, those that the repository suggests or the model proposed and a probe confirmed; a command that is made up must not
 * be able to fail the work.
 */
export function acceptanceOf({ items }: Contract): string[] {
  const commands = items.filter(({ kind }) => kind === 'command');
  const demanded = commands.filter(({ source }) => !isProposal(source));
  const chosen =
    demanded.length > 0
      ? demanded.filter(({ state }) => state !== 'waived')
      : commands.filter(({ name, state }) => state === 'satisfied' && !isAlwaysGreen(name));
  return chosen.map(({ name }) => name);
}

/** True for who only suggests a command: what was red before may stay red then. */
export function isProposal(source: ContractItem['source']): boolean {
  return source === 'model' || source === 'repository';
}

/**
 * The tools or hosts that persons put into the contract, or let stand there. What the model or the repository asks for grants nothing:
 * it may only repeat what a file told it.
 */
export function grantedByPersons({ items }: Pick<Contract, 'items'>, kind: 'tool' | 'host'): string[] {
  return items
    .filter((item) => item.kind === kind && (item.source === 'person' || item.granted === true))
    .map(({ name }) => name);
}

/** An input of the model's is asked by its question; saying both would ask twice. */
function textOf(item: ContractItem, { questions, missingInformation }: Contract): string | null {
  const index = questions.findIndex(({ id, input }) =>
    item.kind === 'question' ? id === item.name : item.kind === 'input' && input === item.name,
  );
  if (item.kind === 'question') return missingInformation[index] ?? item.name;
  if (item.kind === 'input') return index >= 0 ? null : `Input "${item.name}" is not given`;
  return `${words[item.kind]} "${item.name}" is missing (the ${item.source} requires it): ${item.evidence}`;
}

const words = {
  file: 'File',
  tool: 'Tool',
  script: 'Script',
  command: 'Command',
  remote: 'Remote',
  host: 'Host',
  content: 'Content',
};
