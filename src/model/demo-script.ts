import type { JsonObject } from '@earendil-works/pi-ai';
import { demoAcceptance, demoPrompt } from '../demo/demo-repository.ts';

/** A tool call of the script; the id is the same each time. */
export interface DemoCall {
  readonly id: string;
  readonly name: string;
  readonly args: JsonObject;
}

/** One reply of the script: something to read, and the call. */
export interface DemoReply {
  readonly text: string;
  readonly call: DemoCall;
}

/** The contract of the demo's task. What must be asked is declared by the demo's skill. */
export const demoContract: DemoCall = {
  id: 'demo_contract',
  name: 'emit_contract',
  args: {
    goal: demoPrompt,
    requiredInputs: [],
    requiredFiles: ['src/slugify.js', 'test/slugify.test.js', 'CHANGELOG.md'],
    requiredTools: ['read', 'edit', 'bash'],
    requiredScripts: [],
    missingInformation: [],
    questions: [],
    acceptance: [...demoAcceptance],
    assumptions: ['The tests are right and the source is wrong.'],
  },
};

const steps = [
  'Read the tests and the source',
  'See the tests fail',
  'Correct slugify',
  'See the tests pass',
  'Note the fix',
];
const DEFAULT_SEPARATOR = '-';

/** Reply n of the script, from 0, for what the task's texts say; after the last one it submits again. */
export function demoReply(turn: number, task: string): DemoReply {
  const separator = /Join the words of a slug with `([-_.~])`/.exec(task)?.[1] ?? DEFAULT_SEPARATOR;
  const script = scriptOf(separator);
  const [text, name, args] = script[Math.min(turn, script.length - 1)] ?? ['', 'submit_result', { summary: '' }];
  return { text, call: { id: `demo_${turn}`, name, args } };
}

function scriptOf(separator: string): readonly (readonly [text: string, tool: string, args: JsonObject])[] {
  const edits = [
    { oldText: `export const SEPARATOR = '+';`, newText: `export const SEPARATOR = '${separator}';` },
    {
      oldText: `  return title.toLowerCase().replaceAll(' ', SEPARATOR);`,
      newText: `  const words = title.toLowerCase().match(/[a-z0-9]+/g) ?? [];\n  return words.join(SEPARATOR);`,
    },
  ];
  return [
    ['I begin with a plan.', 'plan', planAt(0)],
    ['The tests say what is wanted.', 'read', { path: 'test/slugify.test.js' }],
    ['Now the source.', 'read', { path: 'src/slugify.js' }],
    ['Let me see how they fail.', 'bash', { command: 'node --test' }],
    [
      'Only spaces are replaced, and + is no good in a URL. I take the words instead.',
      'edit',
      { path: 'src/slugify.js', edits },
    ],
    ['Are they green now?', 'bash', { command: 'node --test' }],
    [
      'They are. The fix belongs into the changelog.',
      'bash',
      {
        command: `printf '%s\\n' '- 1.0.1: slugify drops punctuation and joins words with "${separator}"' >> CHANGELOG.md`,
      },
    ],
    ['All steps are done.', 'plan', planAt(steps.length)],
    [
      'I hand the result in.',
      'submit_result',
      {
        summary: `slugify takes the words of a title and joins them with "${separator}"; the tests pass; CHANGELOG.md says so.`,
      },
    ],
  ];
}

function planAt(done: number): JsonObject {
  const status = (index: number) => (index < done ? 'done' : index === done ? 'in_progress' : 'pending');
  return { steps: steps.map((title, index) => ({ title, status: status(index) })) };
}
