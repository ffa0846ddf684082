import { digestOf } from '../digest/canonical-json.ts';
import { HoldfastError } from '../domain/failure.ts';
import type { Delivered } from '../domain/session.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import { faultPoint } from '../fault-point.ts';
import type { GitManager } from '../git/git-manager.ts';
import type { Store } from '../store/store.ts';
import type { Credentials } from './credentials.ts';

/** What is to be delivered. */
export interface Delivery {
  readonly snapshot: Snapshot;
  readonly digest: string;
  /** The tree of the last checkpoint. */
  readonly tree: string;
  readonly verified: boolean;
  /** What the checks leave open, or null. */
  readonly note: string | null;
  /** The agent's own words about its work. */
  readonly summary: string;
}

/** Turns a result into a commit and brings it where the task wants it. Every step can be repeated and then changes nothing. */
export class CommitManager {
  readonly #git: GitManager;
  readonly #store: Store;
  readonly #credentials: Credentials;

  constructor(deps: { readonly git: GitManager; readonly store: Store; readonly credentials: Credentials }) {
    this.#git = deps.git;
    this.#store = deps.store;
    this.#credentials = deps.credentials;
  }

  /**
   * Commits and delivers.
   * @throws HoldfastError NO_CHANGES, REMOTE_DIVERGED, DIRECTORY_CHANGED, REPOSITORY_AUTH_FAILED, REPOSITORY_UNREACHABLE
   */
  async deliver(delivery: Delivery, signal: AbortSignal): Promise<Delivered> {
    const { snapshot, tree, verified } = delivery;
    const kind = snapshot.delivery;
    if (tree === snapshot.base.tree && kind !== 'patch') {
      throw new HoldfastError('NO_CHANGES', 'The agent submitted a result, but no file differs from the base commit.');
    }
    await faultPoint('before:commit', snapshot.sessionId);
    const commit = await this.commit(delivery);
    await faultPoint('after:commit', snapshot.sessionId);
    if (kind === 'branch') await this.#push(snapshot, commit, signal);
    if (kind === 'directory') await this.#apply(snapshot, tree);
    return { kind, branch: kind === 'branch' ? snapshot.branch : null, commit, tree, verified };
  }

  /**
   * Brings the work of a session that failed to its work branch, if it has one and there is work; it is no delivery, and says so.
   * @throws HoldfastError REMOTE_DIVERGED, REPOSITORY_AUTH_FAILED, REPOSITORY_UNREACHABLE
   */
  async keep(delivery: Delivery, signal: AbortSignal): Promise<{ branch: string | null; commit: string | null }> {
    const { snapshot, tree } = delivery;
    if (snapshot.delivery !== 'branch' || tree === snapshot.base.tree) return { branch: null, commit: null };
    const commit = await this.commit(delivery);
    await this.#push(snapshot, commit, signal);
    return { branch: snapshot.branch, commit };
  }

  /** The commit of a result: parent, tree, author, dates and message come from the snapshot, so it is always the same one. */
  async commit(delivery: Delivery): Promise<string> {
    const { snapshot, tree } = delivery;
    const message = commitMessage(delivery);
    const { author, base, createdAt, sessionId } = snapshot;
    return this.#git.open(sessionId).commitTree({ tree, parent: base.commit, message, author, atMs: createdAt });
  }

  async #push(snapshot: Snapshot, commit: string, signal: AbortSignal): Promise<void> {
    const { sessionId, source, branch, base } = snapshot;
    const credentials = await this.#credentials.git(sessionId);
    const remote = { source, branch, signal, ...(credentials && { credentials }) };
    const expected = await this.#git.remoteHead(remote);
    if (expected === commit) return; // The push of an attempt that died before it could say so.
    if (expected !== null && expected !== base.commit) {
      throw new HoldfastError(
        'REMOTE_DIVERGED',
        `The branch ${branch} is at ${expected} on the remote, which is not ours.`,
      );
    }
    await faultPoint('before:push-sent', sessionId);
    await this.#git.push({ sessionId, commit, expected, ...remote });
    await faultPoint('before:push-acknowledged', sessionId);
  }

  async #apply({ sessionId, source, base }: Snapshot, result: string): Promise<void> {
    if (source.kind !== 'directory')
      throw new HoldfastError('INVALID_REQUEST', 'Only a directory can be delivered back into.');
    await this.#git.applyToDirectory({ sessionId, path: source.path, base: base.tree, result });
  }

  /** The change as a patch for `git apply`, kept as an artifact. */
  async keepPatch(sessionId: string, from: string, to: string): Promise<string> {
    const patch = await this.#git.open(sessionId).diff(from, to);
    await this.#store.artifacts.put(sessionId, 'diff.patch', 'text/x-diff', patch, Date.now());
    return digestOf(patch);
  }
}

function commitMessage({ snapshot, digest, verified, note, summary }: Delivery): string {
  const title = oneLine(snapshot.goal, 72);
  const body = summary.trim() === '' ? [] : ['', wrap(summary.trim())];
  const assumed =
    snapshot.assumptions.length === 0
      ? []
      : ['', 'Assumed:', ...snapshot.assumptions.map((text) => `- ${oneLine(text, 200)}`)];
  const waived = (snapshot.waivers ?? []).map(
    ({ kind, name, by, reason }) => `- ${kind} ${oneLine(name, 100)}, by ${oneLine(by, 60)}: ${oneLine(reason, 200)}`,
  );
  const unverified = verified ? [] : ['', `NOT VERIFIED: ${note ?? 'no acceptance command was run'}.`];
  const trailers = ['', `Holdfast-Session: ${snapshot.sessionId}`, `Holdfast-Snapshot: ${digest}`];
  const settled = waived.length === 0 ? [] : ['', 'Waived:', ...waived];
  return [title, ...body, ...assumed, ...settled, ...unverified, ...trailers, ''].join('\n');
}

function oneLine(text: string, max: number): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= max ? line : `${line.slice(0, max - 1)}…`;
}

/** Lines that look like trailers must not be taken for ours. */
function wrap(text: string): string {
  return text.slice(0, 4000).replace(/^(Holdfast-[A-Za-z]+):/gm, ' $1:');
}
