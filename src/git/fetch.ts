import { runRemote, type Remote } from './remote.ts';

/** Hours: a large repository over a slow line is no failure as long as it comes nearer. */
const FETCH_MS = 5 * 60 * 60_000;

/** What may be said about a fetch. */
export interface FetchOptions {
  /** Everything anew, as if nothing were here. */
  readonly refetch?: boolean;
  /** Longest time without any progress, in milliseconds. */
  readonly idleMs?: number;
}

/**
 * Fetches refs or commits into a bare repository. It may take hours and is given up when it stands still: no byte comes for as long as
 * http.lowSpeedTime says, or git, which tells its progress, tells none.
 * @throws what {@link runRemote} throws
 */
export async function fetchInto(
  gitDir: string,
  remote: Remote,
  wanted: readonly string[],
  { refetch = false, idleMs }: FetchOptions = {},
): Promise<void> {
  const options = ['--progress', '--no-tags', '--no-write-fetch-head', ...(refetch ? ['--refetch'] : [])];
  const limits = { timeoutMs: FETCH_MS, ...(idleMs !== undefined && { idleMs }) };
  await runRemote(gitDir, remote, ['fetch', ...options, '--', remote.url, ...wanted], limits);
}
