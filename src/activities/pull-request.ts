import { targetOf, termsOf, type PullRequestTerms } from '../domain/delivery.ts';
import { HoldfastError } from '../domain/failure.ts';
import type { DeliveredRequest } from '../domain/session.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { Task } from '../domain/task.ts';
import { faultPoint } from '../fault-point.ts';
import type { Forge, Merge, PullRequest } from '../git/forges/forge.ts';
import type { Store } from '../store/store.ts';
import * as texts from './pull-request-text.ts';
import type { SessionForges } from './session-forges.ts';

/** A commit that is on its branch and shall be merged. */
export interface Proposal {
  readonly branch: string;
  readonly facts: texts.RequestFacts;
}

type Step = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * Opens pull requests and keeps them up to date. Before each effect it is looked up whether it is there already, and whether this attempt is
 * still the one that counts: so an attempt can die between any two lines, and the next one finishes what it began.
 */
export class PullRequests {
  readonly #store: Store;
  readonly #forges: SessionForges;

  constructor(deps: { readonly store: Store; readonly forges: SessionForges }) {
    this.#store = deps.store;
    this.#forges = deps.forges;
  }

  /**
   * Makes the request say what the proposal is: opened, or found by its branch; texts, labels, reviewers and the one comment with the
   * report; out of draft as soon as the result is verified.
   * @throws HoldfastError FORGE_AUTH_FAILED, FORGE_NOT_FOUND, FORGE_REJECTED, FORGE_RATE_LIMITED, FORGE_UNAVAILABLE, STALE_ATTEMPT
   */
  async bring({ branch, facts }: Proposal, signal: AbortSignal): Promise<DeliveredRequest> {
    const { snapshot } = facts;
    const { sessionId } = snapshot;
    // What is written into a request is there for ever.
    const shown = (await this.#store.redactorOf(sessionId)).json(facts);
    const terms = requestTermsOf(snapshot);
    const forge = await this.#forges.open(sessionId, snapshot, terms.forge);
    const { epoch } = await this.#store.journal.claim(sessionId);
    const step: Step = async (work) => {
      signal.throwIfAborted();
      await this.#store.journal.assertCurrent(sessionId, epoch);
      return work();
    };
    const target = targetOf(terms, snapshot.base.ref, branch) ?? (await forge.defaultBranch());
    const merge = { head: branch, target };
    const viewer = await forge.viewer();
    const request = (await forge.find(merge)) ?? (await this.#create(forge, merge, shown, step));
    const body = texts.withSection(request.body, shown);
    const title = terms.title ?? request.title;
    if (title !== request.title || !texts.isSameText(body, request.body)) {
      await step(() => forge.edit(request, { title, body }));
    }
    const notes = await trim(forge, request, terms, step);
    await keepComment({ forge, request, viewer }, texts.reportComment(shown), step);
    const wanted = terms.draft && terms.readyWhenVerified && facts.verified && texts.isOpenedByUs(request.body);
    const readies = request.isDraft && wanted;
    if (readies) await step(() => forge.makeReady({ ...request, title }));
    const { number, url, isDraft } = request;
    const { task } = await this.#store.sessions.get(sessionId);
    const noted = { url, sessionId, head: facts.commit, viewer, trigger: task.followUp?.trigger ?? 'task' } as const;
    await step(() => this.#store.pullRequests.note({ ...noted, at: Date.now() }));
    return { forge: forge.kind, number, url, draft: isDraft && !readies, notes };
  }

  /**
   * True for somebody who may push to the repository of a task, and so may ask for changes of it.
   * @throws HoldfastError FORGE_*
   */
  async mayPush(sessionId: string, task: Pick<Task, 'source' | 'terms'>, login: string): Promise<boolean> {
    const terms = termsOf(task).pullRequest;
    return terms !== null && (await this.#forges.open(sessionId, task, terms.forge)).mayPush(login);
  }

  /**
   * Asks the forge of a task about its repository, as its token may see it.
   * @throws HoldfastError FORGE_AUTH_FAILED, FORGE_NOT_FOUND, FORGE_RATE_LIMITED, FORGE_UNAVAILABLE
   */
  async probe(sessionId: string, task: Pick<Task, 'source' | 'terms'>): Promise<void> {
    const terms = termsOf(task).pullRequest;
    if (terms !== null) await (await this.#forges.open(sessionId, task, terms.forge)).defaultBranch();
  }

  async #create(forge: Forge, merge: Merge, facts: texts.RequestFacts, step: Step): Promise<PullRequest> {
    const { snapshot } = facts;
    const { draft: isDraft, title } = requestTermsOf(snapshot);
    await faultPoint('before:pull-request', snapshot.sessionId);
    const wanted = { ...merge, title: texts.titleOf(facts, title), body: texts.openedBody(facts), isDraft };
    const opened = await step(() => forge.create(wanted)).catch(async (error: unknown) => {
      // Another attempt may have been faster: a forge rejects the second one.
      const isRejected = error instanceof HoldfastError && error.code === 'FORGE_REJECTED';
      const found = isRejected ? await forge.find(merge) : null;
      if (found === null) throw error;
      return found;
    });
    await faultPoint('after:pull-request', snapshot.sessionId);
    return opened;
  }
}

function requestTermsOf(snapshot: Snapshot): PullRequestTerms {
  const { pullRequest } = termsOf(snapshot);
  if (pullRequest === null) throw new HoldfastError('INTERNAL', `${snapshot.sessionId} delivers no pull request.`);
  return pullRequest;
}

/** Labels and reviewers: what the forge does not take of these is told, and holds nothing up. */
async function trim(forge: Forge, request: PullRequest, terms: PullRequestTerms, step: Step): Promise<string[]> {
  const missing = (wanted: readonly string[], there: readonly string[]) => {
    const known = there.map((name) => name.toLowerCase());
    return wanted.filter((name) => !known.includes(name.toLowerCase()));
  };
  const labels = missing(terms.labels, request.labels);
  const reviewers = missing(terms.reviewers, request.reviewers);
  return [
    ...(labels.length === 0 ? [] : await unlessRefused('Labels', () => step(() => forge.addLabels(request, labels)))),
    ...(reviewers.length === 0
      ? []
      : await unlessRefused('Reviewers', () => step(() => forge.requestReviews(request, reviewers)))),
  ];
}

async function unlessRefused(what: string, work: () => Promise<void>): Promise<string[]> {
  try {
    await work();
    return [];
  } catch (error) {
    const isRefusal =
      error instanceof HoldfastError &&
      (error.code === 'FORGE_REJECTED' || error.code === 'FORGE_NOT_FOUND' || error.code === 'FORGE_AUTH_FAILED');
    if (!isRefusal) throw error;
    return [`${what} were not taken: ${error.message}`];
  }
}

/** Where a comment is written, and as whom. */
interface Place {
  readonly forge: Forge;
  readonly request: PullRequest;
  readonly viewer: string | null;
}

/** One comment of ours, whatever attempts wrote at once: the oldest is kept and brought up to date, others go. */
async function keepComment({ forge, request, viewer }: Place, body: string, step: Step): Promise<void> {
  const ours = async () => {
    const reports = (await forge.comments(request)).filter((comment) => texts.isReport(comment.body));
    return reports.filter(({ author }) => viewer === null || author === viewer);
  };
  let found = await ours();
  if (found.length === 0) {
    await step(() => forge.addComment(request, body));
    found = await ours();
  }
  const [first, ...others] = found;
  if (first !== undefined && !texts.isSameText(first.body, body)) {
    await step(() => forge.editComment(request, first, body));
  }
  for (const comment of others) await step(() => forge.deleteComment(request, comment));
}
