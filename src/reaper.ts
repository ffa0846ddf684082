import { heldSessions, removeSessionFiles } from './git/session-files.ts';
import type { Store } from './store/store.ts';
import type { KeptCredentials } from './store/pull-requests.ts';
import type { LeftBranch } from './store/pushed-branches.ts';
import { storageUsage, type StoragePlaces, type StorageUse } from './storage-usage.ts';

/** A forge tells what it has told before for a few days at most; GitHub, GitLab and Gitea keep their deliveries no longer than this. */
const FORGE_MEMORY_MS = 30 * 24 * 3_600_000;

/** Where a reaper looks. */
type Directories = Pick<StoragePlaces, 'dataDir' | 'sessionsDir' | 'workingDir' | 'agentDir'>;

/** What a reaper works by. */
export interface ReaperSettings extends Directories {
  /** How long sessions are kept after their end, in milliseconds; null for ever. */
  readonly sessionKeepMs: number | null;
}

/** What is there, and what of it nobody needs. */
export interface Reaping {
  readonly items: readonly StorageUse[];
  readonly total: number;
  /** Files of sessions that have ended or are deleted, by session. */
  readonly sessions: readonly string[];
  readonly orphanedBlobs: number;
  /** Sessions that ended longer ago than they are kept: their records, secrets and artifacts go as well. */
  readonly expired: readonly string[];
  /** Ended sessions whose credentials stay while their pull requests are open: these never expire. */
  readonly kept: readonly KeptCredentials[];
  /** Work branches of failed sessions that are still on record; what their remotes say by now is not asked. */
  readonly branches: readonly LeftBranch[];
  /** What forges have told so long ago that they do not tell it again. */
  readonly forgeDeliveries: number;
  /** False for a dry run. */
  readonly removed: boolean;
}

/** Knows the branches that sessions leave on remotes, and removes the one of a session where that is wanted. */
export interface BranchRemover {
  list(): Promise<readonly LeftBranch[]>;
  remove(sessionId: string): Promise<unknown>;
}

/** Finds what nobody needs any more, explains all the rest, and removes the former. What a live session has is never touched. */
export class Reaper {
  readonly #store: Store;
  readonly #branches: BranchRemover;
  readonly #settings: ReaperSettings;

  constructor(store: Store, branches: BranchRemover, settings: ReaperSettings) {
    this.#store = store;
    this.#branches = branches;
    this.#settings = settings;
  }

  /** @param options.dryRun tells only what would go; the sizes are those before anything goes. */
  async reap({ dryRun }: { readonly dryRun: boolean }): Promise<Reaping> {
    const { sessionKeepMs, workingDir } = this.#settings;
    const { pullRequests } = this.#store;
    const held = await heldSessions(workingDir); // First: a directory that is made meanwhile belongs to a session that lives.
    const live = new Set(await this.#store.sessions.live());
    const orphans = new Set(await this.#store.blobs.orphans());
    const items = await storageUsage({
      ...this.#settings,
      isLive: (id) => live.has(id),
      isOrphan: (hex) => orphans.has(`sha256:${hex}`),
    });
    const sessions = held.filter((id) => !live.has(id));
    const expired = sessionKeepMs === null ? [] : await this.#store.sessions.endedBefore(Date.now() - sessionKeepMs);
    const kept = await pullRequests.keptCredentials();
    const branches = await this.#branches.list();
    const forgotten = Date.now() - FORGE_MEMORY_MS;
    const forgeDeliveries = await pullRequests.settledBefore(forgotten);
    if (!dryRun) {
      for (const id of sessions) await removeSessionFiles(workingDir, id);
      for (const id of expired) await this.#expire(id);
      await this.#store.blobs.sweep();
      await this.#store.blobs.removeOrphans([...orphans]);
      await pullRequests.forgetSettledBefore(forgotten);
    }
    const total = items.reduce((sum, { bytes }) => sum + bytes, 0);
    return {
      items,
      total,
      sessions,
      orphanedBlobs: orphans.size,
      expired,
      kept,
      branches,
      forgeDeliveries,
      removed: !dryRun,
    };
  }

  /** A remote that does not answer, or refuses, keeps no session: its branch is then left to people. */
  async #expire(sessionId: string): Promise<void> {
    await this.#branches.remove(sessionId).catch(() => undefined);
    await this.#store.sessions.delete(sessionId);
  }
}
