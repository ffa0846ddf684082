import * as z from 'zod';
import { Submodule } from './base-size.ts';
import { deliveryKinds, DeliveryTerms, Person } from './delivery.ts';
import { NetworkPolicy } from './egress.ts';
import { ModelSpec } from './model-spec.ts';
import { Parent, redEnds, Source, TaskLimits, testStrategies } from './task.ts';
import { Approval, Waiver } from './waiver.ts';

const VerificationRules = z.strictObject({
  /** Every command must be run and green; else only a regression, or a demanded command in red, forbids the delivery. */
  strict: z.boolean(),
  /** What is kept when the last round is red: the newest work, or that of the best round. */
  onRedEnd: z.enum(redEnds),
  /** The acceptance commands that nobody demanded, but that were found or proposed. */
  guards: z.array(z.string()),
  /** Those of the guards that nobody but the model proposed; absent when there is none. */
  claims: z.array(z.string()).optional(),
  /** Longest time of one command, in milliseconds; absent in snapshots from before it was frozen. */
  timeoutMs: z.int().optional(),
});

const HashedFile = z.strictObject({ path: z.string(), sha256: z.string() });

/**
 * The frozen agreement: the only input of execution. Its canonical JSON (RFC 8785) is what the digest is taken over. What a later
 * version adds is optional: a snapshot stays what it was, to the byte, for as long as its session lives.
 */
export const Snapshot = z.strictObject({
  version: z.literal(1),
  sessionId: z.string(),
  prompt: z.string(),
  /** The skill after its variables were filled in; empty when there is none. */
  skillText: z.string(),
  source: Source,
  /** The tree is that of the commit, with the files of the submodules in it, if any. */
  base: z.strictObject({ commit: z.string(), tree: z.string(), ref: z.string() }),
  /** Those whose files are in the trees of the session; absent when there are none. */
  submodules: z.array(Submodule).optional(),
  inputs: z.record(z.string(), z.string()),
  answers: z.array(z.strictObject({ id: z.string(), question: z.string(), answer: z.string() })),
  assumptions: z.array(z.string()),
  /** SHA-256 over the canonical JSON of the contract that was agreed: also the id of the blob that holds it. */
  contract: z.string(),
  /** The skill as it was read; {@link Snapshot.skillText} is what became of it. Absent without one. */
  skill: z.strictObject({ name: z.string(), digest: z.string() }).optional(),
  /** What persons waived; absent when nothing was. */
  waivers: z.array(Waiver).optional(),
  /** Who consented to the contract, where that was asked for. */
  approval: Approval.optional(),
  goal: z.string(),
  files: z.array(HashedFile),
  scripts: z.array(HashedFile),
  tools: z.array(z.string()),
  /** Globs of ignored files that belong to every checkpoint. */
  keepIgnored: z.array(z.string()).optional(),
  /** Commands that make a fresh work tree ready; absent when there are none. */
  setup: z.array(z.string()).optional(),
  model: ModelSpec,
  /** The model that answered before the freeze, as its provider names it: an alias may move later. */
  servedModel: z.string().optional(),
  /** SHA-256 of the system prompt. */
  systemPrompt: z.string(),
  limits: TaskLimits,
  sandbox: z.strictObject({
    kind: z.enum(['bwrap', 'off']),
    network: NetworkPolicy,
    /** Limits of each command by name; absent in snapshots from before they were frozen. */
    limits: z.record(z.string(), z.int()).optional(),
  }),
  testStrategy: z.enum(testStrategies),
  acceptance: z.array(z.string()),
  /** How the acceptance commands decide; snapshots of versions that had no choice have none. */
  verification: VerificationRules.optional(),
  delivery: z.enum(deliveryKinds),
  branch: z.string(),
  /** Absent where nothing beyond kind and names was agreed. */
  terms: DeliveryTerms.optional(),
  author: Person,
  versions: z.strictObject({ holdfast: z.string(), pi: z.string() }),
  /** Epoch milliseconds. */
  createdAt: z.int(),
  /** Only in a fork's, which repeats its parent's snapshot in everything else but session, branch, limits, versions and time. */
  parent: Parent.optional(),
});
export type Snapshot = z.infer<typeof Snapshot>;

/** How the acceptance commands of a snapshot decide. */
export function verificationOf({ verification }: Snapshot): z.infer<typeof VerificationRules> {
  return verification ?? { strict: false, onRedEnd: 'keep', guards: [] };
}
