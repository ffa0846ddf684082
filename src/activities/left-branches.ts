import { join } from 'node:path';
import type { OutboundPolicy } from '../domain/network-address.ts';
import { removeBranch, type Removal } from '../git/remove-branch.ts';
import type { LeftBranch } from '../store/pushed-branches.ts';
import type { Store } from '../store/store.ts';
import type { Credentials } from './credentials.ts';

/** How branches are removed. */
export interface BranchSettings {
  /** False: they never are. */
  readonly reapsBranches: boolean;
  /** Where repositories may lie. */
  readonly outbound: OutboundPolicy;
  readonly workingDir: string;
}

/** The work branches that failed sessions leave on their remotes: they are told, and go with their session where that is wanted. */
export class LeftBranches {
  readonly #store: Store;
  readonly #credentials: Credentials;
  readonly #settings: BranchSettings;

  constructor(deps: { readonly store: Store; readonly credentials: Credentials; readonly settings: BranchSettings }) {
    this.#store = deps.store;
    this.#credentials = deps.credentials;
    this.#settings = deps.settings;
  }

  list(): Promise<LeftBranch[]> {
    return this.#store.pushedBranches.left();
  }

  /**
   * Removes the branch of a session, before its records go: without them nobody would know that it is ours, and nothing would open the
   * remote. Null when there is none, or it is not wanted.
   * @throws HoldfastError REPOSITORY_UNREACHABLE, REPOSITORY_AUTH_FAILED, BRANCH_PROTECTED
   */
  async remove(sessionId: string): Promise<Removal | null> {
    const left = await this.#wanted(sessionId);
    if (left === undefined) return null;
    const credentials = await this.#credentials.git(sessionId);
    const { outbound: network, workingDir } = this.#settings;
    return removeBranch(join(workingDir, 'nothing.git'), { url: left.repository, credentials, network }, left);
  }

  /** True when the credentials of a session's repository are kept beyond its end, to remove its branch with it. */
  async needsCredentials(sessionId: string): Promise<boolean> {
    return (await this.#wanted(sessionId)) !== undefined;
  }

  async #wanted(sessionId: string): Promise<LeftBranch | undefined> {
    if (!this.#settings.reapsBranches) return undefined;
    return (await this.list()).find((branch) => branch.sessionId === sessionId);
  }
}
