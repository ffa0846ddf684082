import * as z from 'zod';
import { EgressRule } from './egress.ts';
import { HoldfastError } from './failure.ts';
import { pathFault } from './relative-path.ts';
import { isToolName, toolNames } from './tools.ts';

/** An input that a skill asks for. */
export interface SkillInput {
  readonly name: string;
  /** What it is for; empty when the skill does not say. */
  readonly description: string;
}

/**
 * What a skill declares, and its text before its variables are filled in. The YAML is read in `skill/parse-skill.ts`.
 */
export interface Skill {
  readonly name: string;
  readonly description: string;
  readonly requiredInputs: readonly SkillInput[];
  /** Globs that tracked files must match. */
  readonly requiredFiles: readonly string[];
  readonly requiredTools: readonly string[];
  /** Paths in the repository. */
  readonly requiredScripts: readonly string[];
  /** Commands that decide whether the task is done. */
  readonly acceptance: readonly string[];
  /** Commands that make a fresh work tree ready. */
  readonly setup: readonly string[];
  /** Hosts that its commands must reach; see EgressRule. */
  readonly egress: readonly string[];
  readonly body: string;
}

/** Something wrong with a skill. */
export interface SkillFault {
  /** From 1, in the whole text; absent when there is no place to point at. */
  readonly line?: number;
  /** The key, such as `required_tools.0`, or `body`. */
  readonly path: string;
  readonly message: string;
}

/** How inputs are named, in skills and contracts. */
export const inputName = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

const Name = z.string().regex(inputName, 'must be a letter, then letters, digits, _ or -, at most 64');
const Path = z.string().superRefine((path, context) => {
  const fault = pathFault(path);
  if (fault !== null) context.addIssue(fault);
});
const Tool = z
  .string()
  .refine(isToolName, { error: ({ input }) => `unknown tool ${String(input)}; known: ${toolNames.join(', ')}` });
const Input = z.union([
  Name.transform((name) => ({ name, description: '' })),
  z.strictObject({ name: Name, description: z.string().default('') }),
]);
const few = <T extends z.ZodType>(item: T) => z.array(item).max(100).default([]);

const word = /^(?!.*--)[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/;

/**
 * The frontmatter of a skill: that of the Agent Skills format (agentskills.io/specification), what pi adds to it, and ours. Unknown
 * keys are faults, for a misspelt one would silently require nothing. `allowed-tools` grants nothing here: it names the tools of
 * other agents, and approves in advance what nobody approves while Holdfast works.
 */
const SkillFrontmatter = z.strictObject({
  name: z.string().regex(word, 'must be lower case letters and digits with single - between them, at most 64'),
  description: z.string().trim().min(1).max(1024),
  required_inputs: few(Input),
  required_files: few(Path),
  required_tools: few(Tool),
  required_scripts: few(Path),
  acceptance: few(z.string().trim().min(1)),
  license: z.string().optional(),
  compatibility: z.string().min(1).max(500).optional(),
  metadata: z.record(z.string(), z.unknown()).optional(),
  'allowed-tools': z.union([z.string(), z.array(z.string())]).optional(),
  'disable-model-invocation': z.boolean().optional(),
  egress: few(EgressRule),
  setup: few(z.string().trim().min(1)),
});

/** A variable in the body, and `\{{`, which stands for two braces. */
const variable = /\\\{\{|\{\{([^{}\n]*)\}\}/g;
/** The same, and braces that open nothing. */
const opening = /\\\{\{|\{\{[^{}\n]*\}\}|\{\{/g;

/** A variable and where it stands. */
export interface Variable {
  readonly name: string;
  /** From 1, within the body. */
  readonly line: number;
}

/** The variables of a body, in order. */
export function variablesIn(body: string): Variable[] {
  return [...body.matchAll(variable)]
    .filter(([, name]) => name !== undefined)
    .map((match) => ({ name: (match[1] ?? '').trim(), line: body.slice(0, match.index).split('\n').length }));
}

/** A skill, or every fault it has. `line` of a fault counts within the body; faults of the frontmatter have none. */
export type CheckedSkill = { readonly skill: Skill } | { readonly faults: readonly SkillFault[] };

/** Checks a parsed frontmatter and a body against each other. */
export function checkSkill(frontmatter: unknown, body: string): CheckedSkill {
  const parsed = SkillFrontmatter.safeParse(frontmatter);
  const faults = parsed.success ? [] : parsed.error.issues.flatMap(faultsOf);
  const declared = parsed.success ? parsed.data.required_inputs.map(({ name }) => name) : declaredNames(frontmatter);
  for (const { name, line } of variablesIn(body)) {
    if (declared.includes(name)) continue;
    const message = `{{${name}}} is not declared in required_inputs; write \\{{ for two braces`;
    faults.push({ line, path: 'body', message });
  }
  for (const match of body.matchAll(opening)) {
    if (match[0] !== '{{') continue;
    const line = body.slice(0, match.index).split('\n').length;
    faults.push({ line, path: 'body', message: '{{ is not closed by }} on its line; write \\{{ for two braces' });
  }
  for (const [index, name] of declared.entries()) {
    if (declared.indexOf(name) === index) continue;
    faults.push({ path: `required_inputs.${index}`, message: `${name} is declared twice` });
  }
  if (!parsed.success || faults.length > 0) return { faults };
  const { name, description, acceptance, egress, setup, ...required } = parsed.data;
  return {
    skill: {
      name,
      description,
      requiredInputs: required.required_inputs,
      requiredFiles: required.required_files,
      requiredTools: required.required_tools,
      requiredScripts: required.required_scripts,
      acceptance,
      egress,
      setup,
      body,
    },
  };
}

/**
 * The body with its variables filled in. Values stand as they are: what looks like a variable in them is not one.
 * @throws HoldfastError PREFLIGHT_INCOMPLETE naming every input that is not given (or blank) at once.
 */
export function renderSkill(skill: Skill, inputs: Readonly<Record<string, string>>): string {
  const valueOf = (name: string) => (Object.hasOwn(inputs, name) ? inputs[name] : undefined);
  const names = [...skill.requiredInputs.map(({ name }) => name), ...variablesIn(skill.body).map(({ name }) => name)];
  const missing = [...new Set(names)].filter((name) => (valueOf(name) ?? '').trim() === '');
  if (missing.length > 0) {
    const details = { missingInfo: missing.map((name) => `Input "${name}" is not given`) };
    throw new HoldfastError('PREFLIGHT_INCOMPLETE', `The skill ${skill.name} needs inputs: ${missing.join(', ')}`, {
      details,
    });
  }
  return skill.body.replaceAll(variable, (_, name: string | undefined) =>
    name === undefined ? '{{' : (valueOf(name.trim()) ?? ''),
  );
}

/** One fault per issue; a union says what both its sides say. */
function faultsOf(issue: z.core.$ZodIssue): SkillFault[] {
  const path = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...issue.path, key].join('.'), message: 'unknown key' }));
  }
  if (issue.code === 'invalid_union') {
    const wanted = issue.errors.flat().find(({ code }) => code !== 'invalid_type') ?? issue.errors.flat()[0];
    const message = wanted?.message ?? issue.message;
    return [{ path: [path, ...(wanted?.path ?? [])].join('.'), message }];
  }
  return [{ path, message: issue.message }];
}

/** The input names of a frontmatter that is faulty elsewhere, lest its variables be reported on top. */
function declaredNames(frontmatter: unknown): string[] {
  const inputs = Object(frontmatter)['required_inputs'] as unknown;
  if (!Array.isArray(inputs)) return [];
  return inputs.map((input: unknown) => (typeof input === 'string' ? input : String(Object(input)['name'])));
}
