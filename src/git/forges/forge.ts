import type { ForgeKind } from '../../domain/forge.ts';

/** A pull request, or merge request, that is open. */
export interface PullRequest {
  /** As people count them in the repository. */
  readonly number: number;
  /** As the forge's own machinery names it. */
  readonly id: string;
  readonly url: string;
  /** Without the prefix by which some forges mark drafts. */
  readonly title: string;
  readonly body: string;
  readonly isDraft: boolean;
  readonly labels: readonly string[];
  /** Logins of those who were asked; `org/team` for a team. */
  readonly reviewers: readonly string[];
}

/** What is to be merged, and into what; branches of one repository. */
export interface Merge {
  readonly head: string;
  readonly target: string;
}

/** What is asked for when a request is opened. */
export interface NewPullRequest extends Merge {
  readonly title: string;
  readonly body: string;
  readonly isDraft: boolean;
}

/** A comment on a request. */
export interface Comment {
  readonly id: string;
  /** A login. */
  readonly author: string;
  readonly body: string;
}

/**
 * One repository on one forge, as far as delivering and following up a pull request needs it. Whoever calls looks before it writes: no
 * method finds out by itself whether its effect is there already.
 * @throws HoldfastError FORGE_AUTH_FAILED, FORGE_NOT_FOUND, FORGE_REJECTED, FORGE_RATE_LIMITED, FORGE_UNAVAILABLE, from every method
 */
export interface Forge {
  readonly kind: ForgeKind;
  /** The login the token belongs to; null for a token that is nobody's, or that may not ask. */
  viewer(): Promise<string | null>;
  defaultBranch(): Promise<string>;
  /** The open request for exactly this merge within the repository, whatever page of the list it is on; null when there is none. */
  find(merge: Merge): Promise<PullRequest | null>;
  /** Opens a request; as no draft where the forge has no drafts. A forge that has one for the same merge rejects it. */
  create(request: NewPullRequest): Promise<PullRequest>;
  /** Changes the texts and leaves a draft a draft. */
  edit(request: PullRequest, texts: Pick<PullRequest, 'title' | 'body'>): Promise<void>;
  /** Takes a request out of draft. */
  makeReady(request: PullRequest): Promise<void>;
  /** Adds labels to those it has; a label that the repository does not know is made. */
  addLabels(request: PullRequest, labels: readonly string[]): Promise<void>;
  /** Asks for reviews besides those that were asked for already. */
  requestReviews(request: PullRequest, reviewers: readonly string[]): Promise<void>;
  /** All comments of people and programs, oldest first; what the forge itself noted is left out. */
  comments(request: PullRequest): Promise<Comment[]>;
  addComment(request: PullRequest, body: string): Promise<void>;
  editComment(request: PullRequest, comment: Comment, body: string): Promise<void>;
  deleteComment(request: PullRequest, comment: Comment): Promise<void>;
  /** True for a branch that a rule protects from anybody; for one that is not there, false unless the forge tells by its name. */
  isProtected(branch: string): Promise<boolean>;
  /** True for somebody who may push to the repository; a login that the forge does not know may not. */
  mayPush(login: string): Promise<boolean>;
}
