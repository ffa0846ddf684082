import { MAX_QUESTIONS, type Contract, type ContractDraft, type ContractItem } from './contract.ts';
import type { Skill } from './skill.ts';
import type { ItemKind } from './waiver.ts';

/** What the task itself demands besides skill and model. */
export interface TaskDemands {
  readonly acceptance: readonly string[];
  /** Commands that the repository suggests: proposals, like the model's. */
  readonly discovered?: readonly string[];
  /** The remote that the delivery pushes to, or null. */
  readonly remote: string | null;
  /** Hosts that the agent's commands may reach, see EgressRule. */
  readonly egress?: readonly string[];
  /** Parts of the base that lie elsewhere: `submodules`, `lfs`. */
  readonly content?: readonly string[];
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
    ...itemsOf('host', [
      [task.egress, 'task'],
      [skill?.egress, 'skill'],
    ]),
    ...itemsOf('content', [[task.content, 'repository']]),
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
