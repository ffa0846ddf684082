import * as z from 'zod';
import { ForgeSpec } from './forge.ts';

/** Where a result can be brought. */
export const deliveryKinds = ['branch', 'pull_request', 'directory', 'patch'] as const;
export type DeliveryKind = (typeof deliveryKinds)[number];

/** A person in a commit. */
export const Person = z.strictObject({ name: z.string(), email: z.string() });
export type Person = z.infer<typeof Person>;

/** The pull request (GitLab: merge request) that a delivery opens. */
export const PullRequestTerms = z.strictObject({
  forge: ForgeSpec,
  /** The branch it is to be merged into; null for the one the session started from, else the repository's default branch. */
  target: z.string().nullable(),
  /** Null for the goal of the contract. */
  title: z.string().nullable(),
  /** Opens it as a draft. */
  draft: z.boolean(),
  /** Lets comments and failed checks of the request start sessions that go on with it; the session's secrets stay for them. */
  followUps: z.boolean(),
  /** Takes a draft of ours out of draft as soon as its result is verified. */
  readyWhenVerified: z.boolean(),
  labels: z.array(z.string()),
  /** Logins; `org/team` for a team, where the forge has them. */
  reviewers: z.array(z.string()),
});
export type PullRequestTerms = z.infer<typeof PullRequestTerms>;

/** What is agreed about a delivery besides its kind and the names of branch and author. */
export const DeliveryTerms = z.strictObject({
  /** `new`: the branch must not be there yet, or be where the session starts. `existing`: it must be there, and is gone on with. */
  branchUse: z.enum(['new', 'existing']),
  /** Lets the repository's default branch be pushed to. */
  allowDefaultBranch: z.boolean(),
  /** Lets the result be pushed to a branch that the forge protects, if the token may. */
  allowProtectedBranch: z.boolean().optional(),
  coAuthors: z.array(Person),
  /** Further trailers of the commit. */
  trailers: z.array(z.strictObject({ name: z.string(), value: z.string() })),
  /** Signs the commit with the session's SSH key. */
  isSigned: z.boolean(),
  /** Null unless the delivery is a pull request. */
  pullRequest: PullRequestTerms.nullable(),
});
export type DeliveryTerms = z.infer<typeof DeliveryTerms>;

/** What holds where nothing was agreed: tasks and snapshots of earlier versions have no terms. */
const defaultTerms: DeliveryTerms = {
  branchUse: 'new',
  allowDefaultBranch: false,
  coAuthors: [],
  trailers: [],
  isSigned: false,
  pullRequest: null,
};

/** The terms of a task or snapshot. */
export function termsOf({ terms }: { readonly terms?: DeliveryTerms | undefined }): DeliveryTerms {
  return terms ?? defaultTerms;
}

/**
 * The branch that a request is to be merged into: as agreed, else the one the work started from; null where it is the default branch.
 * @param baseRef the ref the work started from, in full
 */
export function targetOf({ target }: Pick<PullRequestTerms, 'target'>, baseRef: string, head: string): string | null {
  const [, started = null] = /^refs\/heads\/(.+)$/.exec(baseRef) ?? [];
  return target ?? (started === head ? null : started);
}

/** True for a delivery that pushes to a branch of the repository. */
export function isPushed(kind: DeliveryKind): boolean {
  return kind === 'branch' || kind === 'pull_request';
}
