import type { Contract, ContractItem, Question } from './contract.ts';
import type { ItemKind, Waiver } from './waiver.ts';

/** What a deterministic probe found about one item. */
export interface Finding {
  readonly kind: Exclude<ItemKind, 'input' | 'question'>;
  readonly name: string;
  readonly confirmed: boolean;
  /** For people: what was looked at, and what was there. */
  readonly evidence: string;
}

/** Everything a contract is judged by. */
export interface Known {
  readonly findings: readonly Finding[];
  readonly inputs: Readonly<Record<string, string>>;
  /** Answers by question id. */
  readonly answers: Readonly<Record<string, string>>;
  /** With `assume`, what only the model asks is waived and the assumption noted. */
  readonly onMissing: 'ask' | 'assume' | 'fail';
  /** What persons waived; the last one for an item counts. */
  readonly waivers: readonly Waiver[];
}

type Verdict = Pick<ContractItem, 'state' | 'evidence'>;

/**
 * The contract with the state of every item decided anew; the same knowledge always gives the same contract.
 *
 * What the skill, the task or a person demands must be proven, or it is missing. What only the model demands can block in one
 * way: as a question (an input of the model's is asked as one), which an input, an answer in words or `assume` settles;
 * everything else it claims is at worst unverified. So an invention is asked about once and never blocks for good. Nothing but
 * a probe, the caller's own values and a person's waiver settles anything: what the model or the repository says never does.
 */
export function assess(contract: Contract, known: Known): Contract {
  const items = contract.items.map(({ waiver: _earlier, ...item }): ContractItem => {
    const verdict = verdictOn(item, contract.questions, known);
    const waiver = verdict.state === 'satisfied' ? undefined : waiverOf(item, contract.questions, known.waivers);
    if (waiver === undefined) return { ...item, ...verdict };
    const { reason, by, at } = waiver;
    return { ...item, state: 'waived', evidence: `waived by ${by}: ${reason}`, waiver: { reason, by, at } };
  });
  const earlier = assumed(contract);
  const own = contract.assumptions.filter((text) => !earlier.includes(text));
  return { ...contract, items, assumptions: [...own, ...assumed({ ...contract, items })] };
}

/** True for an item that a person can waive: all but an input of the skill, whose text needs its value. */
export function isWaivable({ kind, source }: Pick<ContractItem, 'kind' | 'source'>): boolean {
  return kind !== 'input' || source !== 'skill';
}

/** The waiver of an item. An input and the question that asks for it stand for each other. */
function waiverOf(item: ContractItem, questions: readonly Question[], waivers: readonly Waiver[]): Waiver | undefined {
  if (!isWaivable(item)) return undefined;
  const twin =
    item.kind === 'question'
      ? ['input', questions.find(({ id }) => id === item.name)?.input]
      : ['question', item.kind === 'input' ? questions.find(({ input }) => input === item.name)?.id : undefined];
  return waivers.findLast(
    ({ kind, name }) => (kind === item.kind && name === item.name) || (kind === twin[0] && name === twin[1]),
  );
}

function verdictOn(item: ContractItem, questions: readonly Question[], known: Known): Verdict {
  if (item.kind === 'input') return verdictOnInput(item, questions, known);
  const question = questions.find(({ id }) => item.kind === 'question' && id === item.name);
  if (question !== undefined) return verdictOnQuestion(question, known);
  const finding = known.findings.find(({ kind, name }) => kind === item.kind && name === item.name);
  if (finding?.confirmed === true) return { state: 'satisfied', evidence: finding.evidence };
  const evidence = finding?.evidence ?? 'no probe looked at it';
  return { state: item.source === 'model' || item.source === 'repository' ? 'unverified' : 'missing', evidence };
}

function verdictOnInput(item: ContractItem, questions: readonly Question[], known: Known): Verdict {
  if (given(known.inputs, item.name) !== undefined) return { state: 'satisfied', evidence: 'given' };
  if (item.source !== 'model') return { state: 'missing', evidence: 'not given' };
  const question = questions.find(({ input }) => input === item.name);
  if (question === undefined) return { state: 'unverified', evidence: 'claimed by the model; not asked for' };
  const { state, evidence } = verdictOnQuestion(question, known);
  return { state: state === 'satisfied' ? 'waived' : state, evidence: `question ${question.id}: ${evidence}` };
}

function verdictOnQuestion(question: Question, { inputs, answers, onMissing }: Known): Verdict {
  const answer = given(answers, question.id);
  if (answer !== undefined) return { state: 'satisfied', evidence: `answered: ${answer}` };
  if (question.input !== null && given(inputs, question.input) !== undefined) {
    return { state: 'satisfied', evidence: `input ${question.input} is given` };
  }
  if (onMissing === 'assume') return { state: 'waived', evidence: assumptionOf(question) };
  return { state: 'missing', evidence: 'not answered' };
}

function assumptionOf(question: Question): string {
  const decision = question.default ?? 'left to the agent, which decides and says so';
  return `Nobody was asked "${question.question}"; assumed: ${decision}`;
}

/** The assumptions that stand in place of answers; what a person waived is no assumption. */
function assumed({ items }: Contract): string[] {
  return items
    .filter(({ kind, state, waiver }) => kind === 'question' && state === 'waived' && waiver === undefined)
    .map(({ evidence }) => evidence);
}

/** An own, non-blank value. */
function given(values: Readonly<Record<string, string>>, name: string): string | undefined {
  const value = Object.hasOwn(values, name) ? values[name]?.trim() : undefined;
  return value === '' ? undefined : value;
}
