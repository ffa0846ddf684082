import * as z from 'zod';
import { deliveryKinds, DeliveryTerms, Person } from './delivery.ts';
import { Egress } from './egress.ts';
import { FollowUp } from './follow-up.ts';
import { gitSecrets } from './git-credentials.ts';
import { ModelSpec } from './model-spec.ts';

/** Where the code comes from. */
export const Source = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('repository'),
    url: z.string(),
    ref: z.string().optional(),
    /** Submodules are fetched, too; absent when they are not. */
    submodules: z.literal(true).optional(),
    /** Files of Git LFS are fetched, too; absent when they are not. */
    lfs: z.literal(true).optional(),
  }),
  z.strictObject({ kind: z.literal('directory'), path: z.string() }),
]);
export type Source = z.infer<typeof Source>;

/** True when the files that Git LFS keeps are to be there with their content. */
export function usesLfs(source: Source): boolean {
  return source.kind === 'repository' && source.lfs === true;
}

/** Where the skill's text comes from. */
export const SkillSource = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('inline'), text: z.string() }),
  z.strictObject({ kind: z.literal('path'), path: z.string() }),
  z.strictObject({ kind: z.literal('name'), name: z.string() }),
]);
export type SkillSource = z.infer<typeof SkillSource>;

/** Who the commits are by when the task names nobody. */
export const defaultAuthor = { name: 'Holdfast', email: 'holdfast@localhost' };

/** Which checks the server runs: all, those that the change reaches (see incremental.ts), or none. */
export const testStrategies = ['full', 'incremental', 'skip'] as const;

/** What is kept of a session whose last round of checks is red: the newest work, or that of the best round. */
export const redEnds = ['keep', 'best'] as const;

/** Limits of a task, see Limits in session.ts. */
export const TaskLimits = z.strictObject({
  maxSteps: z.int().min(1).max(100_000),
  maxIterations: z.int().min(0).max(20),
  maxTokens: z.int().min(1).optional(),
  maxCostUsd: z.number().positive().optional(),
  maxWallMs: z.int().min(1_000).optional(),
});

/** Where a fork comes from: a checkpoint of another session. What it needs of that session it holds itself. */
export const Parent = z.strictObject({
  sessionId: z.string(),
  turn: z.int(),
  /** The last transcript entry of the checkpoint: everything after it is the fork's own. */
  seq: z.int(),
  /** The files it starts with, as a git object id; the base stays the parent's. */
  tree: z.string(),
  /** Of the parent's snapshot. */
  digest: z.string(),
  /** What the agent is told besides; null when it just goes on. */
  prompt: z.string().nullable(),
});
export type Parent = z.infer<typeof Parent>;

/** An accepted task: what was asked for, with every default filled in and without any secret. Stored with the session. */
export const Task = z.strictObject({
  /** The caller's own id, echoed in webhooks; the session id when none was given. */
  taskId: z.string(),
  userPrompt: z.string(),
  skill: SkillSource.nullable(),
  source: Source,
  inputs: z.record(z.string(), z.string()),
  auto: z.boolean(),
  onMissing: z.enum(['ask', 'assume', 'fail']),
  /** Freezes only what a person has approved. */
  requireApproval: z.boolean().default(false),
  delivery: z.enum(deliveryKinds),
  branch: z.string(),
  terms: DeliveryTerms.optional(),
  author: Person,
  model: ModelSpec,
  limits: TaskLimits,
  testStrategy: z.enum(testStrategies),
  acceptance: z.array(z.string()),
  keepIgnored: z.array(z.string()).default([]),
  /** Commands that make a fresh work tree ready, before the agent and before the checks. */
  setup: z.array(z.string()).default([]),
  strict: z.boolean().default(false),
  onRedEnd: z.enum(redEnds).default('keep'),
  /** Hosts that the agent's commands may reach; see EgressRule. */
  egress: Egress,
  webhook: z.strictObject({ url: z.string(), events: z.array(z.string()).nullable() }).nullable(),
  labels: z.array(z.string()),
  preflightTimeoutMs: z.int(),
  parent: Parent.optional(),
  /** Only in a session that what came in about a pull request has started. */
  followUp: FollowUp.optional(),
});
export type Task = z.infer<typeof Task>;

/** Secrets that belong to one session, by name; they live sealed in the store and nowhere else. */
export const secretNames = [
  ...Object.values(gitSecrets),
  'git.signingKey',
  'forge.token',
  'model.apiKey',
  'webhook.secret',
] as const;
export type SecretName = (typeof secretNames)[number];

/** What is sealed with the credentials that it goes with, but is known to everybody and must stay readable. */
const known: ReadonlySet<SecretName> = new Set<SecretName>([gitSecrets.username, gitSecrets.knownHosts, gitSecrets.ca]);

/** True for a secret that nobody may be shown. */
export function isConfidential(name: SecretName): boolean {
  return !known.has(name);
}

/** Those that only the work needs: they go with its end. */
export const workSecrets: readonly SecretName[] = secretNames.filter((name) => name !== 'webhook.secret');
