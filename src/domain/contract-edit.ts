import * as z from 'zod';
import { ContractDraft, type Contract, type ContractItem } from './contract.ts';
import { EgressRule } from './egress.ts';
import { isToolName, toolNames } from './tools.ts';
import type { ItemKind } from './waiver.ts';

const { shape } = ContractDraft;

/**
 * What a person changes of a contract before the freeze; what is left out stays. A list replaces what the model put there:
 * what skill and task demand cannot be edited away, only waived.
 */
export const ContractEdit = z
  .strictObject({
    goal: shape.goal,
    requiredInputs: shape.requiredInputs.unwrap(),
    requiredFiles: shape.requiredFiles.unwrap(),
    requiredTools: z
      .array(z.string().refine(isToolName, { error: () => `must be one of ${toolNames.join(', ')}` }))
      .max(20),
    requiredScripts: shape.requiredScripts.unwrap(),
    acceptance: shape.acceptance.unwrap(),
    /** Hosts that the commands of the agent may reach. */
    egress: z.array(EgressRule).max(50),
    assumptions: shape.assumptions.unwrap(),
  })
  .partial()
  .refine((edit) => Object.keys(edit).length > 0, 'must change something');
export type ContractEdit = z.infer<typeof ContractEdit>;

const lists = {
  requiredInputs: 'input',
  requiredFiles: 'file',
  requiredTools: 'tool',
  requiredScripts: 'script',
  acceptance: 'command',
  egress: 'host',
} as const satisfies Partial<Record<keyof ContractEdit, ItemKind>>;

/** The contract with an edit applied; not checked yet. Applied again, or all of several edits in order again, it changes nothing. */
export function applyEdit(contract: Contract, edit: ContractEdit): Contract {
  let edited: Contract = {
    ...contract,
    goal: edit.goal ?? contract.goal,
    assumptions: edit.assumptions ?? contract.assumptions,
  };
  for (const field of Object.keys(lists) as (keyof typeof lists)[]) {
    const names = edit[field];
    if (names !== undefined) edited = withList(edited, field, names);
  }
  return edited;
}

function withList(contract: Contract, field: keyof typeof lists, names: readonly string[]): Contract {
  const kind = lists[field];
  const present = contract.items
    .filter((item) => item.kind === kind)
    .map((item) => (isGrant(kind) ? grantedIf(names.includes(item.name), item) : item));
  const fixed = present.filter(({ source }) => source === 'skill' || source === 'task');
  // What the model found and the person lets stand stays the model's: still a claim that must not block.
  const free = [...new Set(names)]
    .filter((name) => !fixed.some((item) => item.name === name))
    .map((name) => present.find((item) => item.name === name) ?? added(kind, name));
  const items = [...fixed, ...free];
  const others = contract.items.filter((item) => item.kind !== kind);
  const list = field === 'egress' ? {} : { [field]: items.map(({ name }) => name) }; // Hosts have no list besides their items.
  const edited = { ...contract, ...list, items: [...items, ...others] };
  if (kind !== 'input') return edited;
  const dropped = present.filter((item) => !items.includes(item)).map(({ name }) => name);
  return withoutQuestionsFor(edited, dropped);
}

/** True for what a person's word gives, and not only demands. */
function isGrant(kind: ItemKind): boolean {
  return kind === 'tool' || kind === 'host';
}

function grantedIf(isGranted: boolean, { granted: _before, ...item }: ContractItem): ContractItem {
  return isGranted && item.source !== 'person' ? { ...item, granted: true } : item;
}

function added(kind: ItemKind, name: string): ContractItem {
  return { kind, name, state: 'unverified', source: 'person', evidence: 'not checked yet' };
}

/** An input that is wanted no more is not asked for either. */
function withoutQuestionsFor(contract: Contract, inputs: readonly string[]): Contract {
  const stays = contract.questions.map(({ input }) => input === null || !inputs.includes(input));
  const gone = contract.questions.filter((_, index) => stays[index] === false).map(({ id }) => id);
  return {
    ...contract,
    questions: contract.questions.filter((_, index) => stays[index]),
    missingInformation: contract.missingInformation.filter((_, index) => stays[index]),
    items: contract.items.filter(({ kind, name }) => kind !== 'question' || !gone.includes(name)),
  };
}
