import fc from 'fast-check';
import { expect, test } from 'vitest';
import { snapshotOf, type Agreement } from '../../src/activities/snapshot-content.ts';
import type { LoadedSkill } from '../../src/activities/skill-loader.ts';
import { canonicalJson, digestOf } from '../../src/digest/canonical-json.ts';
import { assess } from '../../src/domain/assessment.ts';
import { mergeSkill } from '../../src/domain/contract-merge.ts';
import { ContractDraft } from '../../src/domain/contract.ts';
import { termsOf, type PullRequestTerms } from '../../src/domain/delivery.ts';
import type { Task } from '../../src/domain/task.ts';
import type { SessionGit } from '../../src/git/session-git.ts';
import { parseSkill } from '../../src/skill/parse-skill.ts';
import { sampleTask } from '../support/sample-task.ts';
import { preflightSetting, type PreflightCase } from './preflight-setting.ts';

/** Everything an agreement is made of, as texts of which every byte counts. */
interface Ingredients {
  readonly prompt: string;
  readonly skillBody: string;
  readonly skillDescription: string;
  readonly bundled: string;
  readonly input: string;
  readonly answer: string;
  readonly goal: string;
  readonly file: string;
  readonly script: string;
  readonly model: string;
  readonly baseUrl: string;
  readonly command: string;
  readonly branch: string;
  readonly commit: string;
}

const ingredients: Ingredients = {
  prompt: 'Tidy the parser.',
  skillBody: 'Tidy it well.',
  skillDescription: 'How we tidy.',
  bundled: 'echo bundled',
  input: 'parser',
  answer: 'yes, both',
  goal: 'The parser is tidy.',
  file: 'content of a file',
  script: '#!/bin/sh',
  model: 'some-model-1',
  baseUrl: 'https://models.example.test/v1',
  command: 'npm test',
  branch: 'feat/tidy',
  commit: 'c0ffee',
};

const question = { id: 'q1', question: 'Both?', why: 'There are two.', default: null, input: null };

/** The digest of an agreement over a git that is a table; everything between ingredients and digest is real. */
async function digestFor(
  made: Ingredients,
  changes: Partial<Task> = {},
  {
    tools = ['read', 'bash'],
    checkTimeoutMs = 1,
  }: { readonly tools?: readonly string[]; readonly checkTimeoutMs?: number } = {},
) {
  const task = sampleTask({
    userPrompt: made.prompt,
    branch: made.branch,
    model: { provider: 'openai', id: made.model, baseUrl: made.baseUrl, thinkingLevel: 'off' },
    acceptance: [made.command],
    ...changes,
  });
  const text = `---\nname: tidy\ndescription: ${JSON.stringify(made.skillDescription)}\nrequired_tools: ${JSON.stringify(tools)}\n---\n${made.skillBody}`;
  const bundled = [{ path: 'skill:go.sh', text: made.bundled }];
  const digest = digestOf(canonicalJson({ text, bundled }));
  const loaded: LoadedSkill = { skill: parseSkill(text), digest, bundled, directory: null };
  const draft = ContractDraft.parse({
    goal: made.goal,
    questions: [question],
    requiredFiles: ['a'],
    requiredScripts: ['s'],
  });
  const answers = { q1: made.answer };
  const demands = { acceptance: task.acceptance, remote: null, egress: task.egress };
  const contract = assess(mergeSkill(draft, loaded.skill, demands), {
    findings: task.egress.map((name) => ({ kind: 'host', name, confirmed: true, evidence: 'named' })),
    inputs: {},
    answers,
    onMissing: 'ask',
    waivers: [],
  });
  const content: Readonly<Record<string, string>> = { a: made.file, s: made.script };
  const git = {
    findFiles: async (_: string, { globs = [], paths = [] }: { globs?: string[]; paths?: string[] }) =>
      [...globs, ...paths].filter((path) => path in content).map((path) => ({ path, kind: 'file', object: path })),
    hashFiles: async (files: { path: string }[]) =>
      files.map(({ path }) => ({ path, sha256: digestOf(content[path] ?? '').slice(7) })),
  } as unknown as SessionGit;
  const agreement: Agreement = {
    session: { id: 'ses_a', task } as Agreement['session'],
    base: { commit: made.commit, tree: 'tree', ref: 'main' },
    contract,
    loaded,
    agreed: { inputs: { module: made.input }, answers, at: 1 },
  };
  return digestOf(canonicalJson(await snapshotOf(agreement, { git, sandbox: { kind: 'bwrap' }, checkTimeoutMs })));
}

/** A text with one of its bytes changed; letters stay letters, so that every field stays valid. */
function changedAt(text: string, position: number): string {
  const index = position % text.length;
  const other = text[index] === 'x' ? 'y' : 'x';
  return text.slice(0, index) + other + text.slice(index + 1);
}

test('any single byte of anything that was agreed makes another digest', async () => {
  const original = await digestFor(ingredients);
  const fields = Object.keys(ingredients) as (keyof Ingredients)[];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...fields), fc.nat(100), async (field, position) => {
      fc.pre(field !== 'baseUrl' || position % ingredients.baseUrl.length > 8); // Before that it is no URL any more.
      const changed = { ...ingredients, [field]: changedAt(ingredients[field], position) };
      expect(await digestFor(changed)).not.toBe(original);
    }),
    { numRuns: 300 },
  );
});

test('the same content gives the same digest, however often and however it is put together', async () => {
  const original = await digestFor(ingredients);
  const reversed = Object.fromEntries(Object.entries(ingredients).toReversed()) as unknown as Ingredients;
  expect(await digestFor(reversed)).toBe(original);
  await fc.assert(
    fc.asyncProperty(fc.string(), fc.string(), async (prompt, input) => {
      const made = { ...ingredients, prompt, input };
      expect(await digestFor(made)).toBe(await digestFor({ ...made }));
    }),
    { numRuns: 50 },
  );
});

const model = {
  provider: 'openai',
  id: ingredients.model,
  baseUrl: ingredients.baseUrl,
  thinkingLevel: 'off',
} as const;
const limits = { maxSteps: 50, maxIterations: 3 };

const terms = termsOf({});
const request: PullRequestTerms = {
  forge: { kind: 'gitea', baseUrl: 'https://git.example.test' },
  target: null,
  title: null,
  draft: true,
  readyWhenVerified: true,
  followUps: false,
  labels: [],
  reviewers: [],
};
const requests: readonly PullRequestTerms[] = [
  { ...request, forge: { kind: 'gitlab', baseUrl: 'https://git.example.test' } },
  { ...request, forge: { kind: 'gitea', baseUrl: 'https://other.example.test' } },
  { ...request, target: 'next' },
  { ...request, title: 'Another title' },
  { ...request, draft: false },
  { ...request, readyWhenVerified: false },
  { ...request, followUps: true },
  { ...request, labels: ['agent'] },
  { ...request, reviewers: ['ada'] },
];

/** Another value, or several, for every field of a task; null for what is no part of the agreement, with the reason. */
const others: { readonly [K in keyof Required<Task>]: readonly Task[K][] | null } = {
  userPrompt: ['Tidy the lexer.'],
  source: [
    { kind: 'repository', url: 'https://git.example.test/acme/other.git' },
    { kind: 'repository', url: 'https://git.example.test/acme/app.git', ref: 'next' },
  ],
  inputs: [{ other: 'lexer' }, { other: '' }],
  delivery: ['directory', 'patch', 'pull_request'],
  branch: ['feat/other'],
  terms: [
    { ...terms, branchUse: 'existing' },
    { ...terms, allowDefaultBranch: true },
    { ...terms, allowProtectedBranch: true },
    { ...terms, coAuthors: [{ name: 'Ada', email: 'ada@example.org' }] },
    { ...terms, trailers: [{ name: 'Ticket', value: '1' }] },
    { ...terms, isSigned: true },
    ...requests.map((pullRequest) => ({ ...terms, pullRequest })),
  ],
  author: [
    { name: 'Ada', email: 'holdfast@localhost' },
    { name: 'Holdfast', email: 'ada@example.org' },
  ],
  model: [
    { ...model, provider: 'openai-responses' },
    { ...model, id: 'some-model-2' },
    { ...model, baseUrl: 'https://other.example.test/v1' },
    { ...model, thinkingLevel: 'low' },
    { ...model, contextWindow: 32_000 },
    { ...model, maxTokens: 1_000 },
    { ...model, cost: { input: 1, output: 1, cacheRead: 0, cacheWrite: 0 } },
  ],
  limits: [
    { ...limits, maxSteps: 51 },
    { ...limits, maxIterations: 2 },
    { ...limits, maxTokens: 1 },
    { ...limits, maxCostUsd: 1 },
    { ...limits, maxWallMs: 1_000 },
  ],
  testStrategy: ['incremental', 'skip'],
  acceptance: [[], ['npm run test'], [ingredients.command, 'npm run lint']],
  keepIgnored: [['.env']],
  strict: [true],
  onRedEnd: ['best'],
  egress: [['registry.npmjs.org'], ['registry.npmjs.org:8443']],
  setup: [['npm ci'], ['npm ci', 'make'], ['make', 'npm ci']],
  skill: null, // Read once: what it said is an ingredient.
  taskId: null, // The caller's own name for it.
  auto: null, // How it comes to the freeze; so are the next three.
  onMissing: null,
  requireApproval: null,
  preflightTimeoutMs: null,
  webhook: null, // Who is told of it.
  labels: null,
  followUp: null, // Why it was asked for: the prompt says what.
  parent: null, // A fork repeats its parent's snapshot.
};

test('every field of a task is part of what is frozen, and each of its values makes a digest of its own, but for those that are none of the agreement', async () => {
  const changes = Object.entries(others).flatMap(([field, values]) =>
    (values ?? []).map((value) => ({ [field]: value }) as Partial<Task>),
  );
  const digests = await Promise.all(
    [{}, ...changes].map((change) => digestFor(ingredients, { inputs: {}, ...change })),
  );
  expect(new Set(digests).size).toBe(digests.length);
  const aside: Partial<Task> = { taskId: 'x', auto: true, onMissing: 'fail', labels: ['x'], preflightTimeoutMs: 5 };
  expect(await digestFor(ingredients, aside)).toBe(digests[0]);
});

test('another limit of the server for acceptance commands makes another digest', async () => {
  expect(await digestFor(ingredients, {}, { checkTimeoutMs: 2 })).not.toBe(await digestFor(ingredients));
});

test('another list of tools makes another digest', async () => {
  const original = await digestFor(ingredients);
  expect(await digestFor(ingredients, {}, { tools: ['read'] })).not.toBe(original);
  expect(await digestFor(ingredients, {}, { tools: ['read', 'bash', 'grep'] })).not.toBe(original);
  expect(await digestFor(ingredients, {}, { tools: ['bash', 'read'] })).not.toBe(original); // The skill's own bytes differ.
});

test('on real git and sandbox: one byte of a file, a script, the skill or an input is another digest, the same is the same', async () => {
  const skill = (body: string) =>
    ({
      kind: 'inline',
      text: `---\nname: s\ndescription: d\nrequired_inputs: [m]\nrequired_scripts: [s.sh]\nrequired_files: ["src/**"]\n---\n${body}`,
    }) as const;
  const files = { 'src/a.txt': 'one', 's.sh': '#!/bin/sh\n' };
  const digest = async (one: PreflightCase, input = 'in') => {
    const { check, freeze } = await preflightSetting(one);
    const given = { inputs: { m: input } };
    expect((await check(given)).missing).toEqual([]);
    const { snapshot } = await freeze(given);
    // Where it lies and where its model answers are of this run; everything else is the agreement.
    const { source: _source, base, model, ...agreed } = snapshot;
    return digestOf(canonicalJson({ ...agreed, tree: base.tree, model: model.id }));
  };
  const original: PreflightCase = { files, task: { skill: skill('Do {{m}}.') } };
  const all = [
    await digest(original),
    await digest({ ...original, files: { ...files, 'src/a.txt': 'onE' } }),
    await digest({ ...original, files: { ...files, 's.sh': '#!/bin/sH\n' } }),
    await digest({ ...original, task: { skill: skill('Do {{m}}!') } }),
    await digest(original, 'iN'),
  ];
  expect(new Set(all).size).toBe(all.length);
  expect(await digest(original)).toBe(all[0]);
});
