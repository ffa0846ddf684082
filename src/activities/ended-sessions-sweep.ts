import type { GitManager } from '../git/git-manager.ts';
import type { Store } from '../store/store.ts';

/**
 * Removes what this worker holds of sessions that have ended or are deleted: a session may have worked on several hosts, and is cleaned
 * up on one of them. A live session loses nothing.
 * @returns the sessions whose directories went.
 */
export async function sweepEndedSessions({ git, store }: { git: GitManager; store: Store }): Promise<string[]> {
  const held = await git.held(); // First: a directory that is made meanwhile belongs to a session that lives.
  const live = new Set(await store.sessions.live());
  const ended = held.filter((id) => !live.has(id));
  for (const id of ended) await git.remove(id);
  return ended;
}
