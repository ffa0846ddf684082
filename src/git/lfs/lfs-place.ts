import { HoldfastError } from '../../domain/failure.ts';
import type { GitCredentials } from '../../domain/git-credentials.ts';

/** Where the Git LFS of a repository is, and what opens it. */
export interface LfsPlace {
  /** The base of its API, without a slash at its end. */
  readonly endpoint: string;
  readonly credentials?: GitCredentials | undefined;
}

/**
 * The place of a repository's Git LFS: below its URL (git-lfs, docs/api/server-discovery.md), or where its .lfsconfig says, which must be of
 * the same origin: what opens the repository is shown to nobody else.
 * @throws HoldfastError LFS_REFUSED when it has none that is asked by http(s)
 */
export function lfsPlace(url: string, configured: string | null, credentials?: GitCredentials): LfsPlace {
  if (!/^https?:/.test(url)) throw refused(url, 'its files are asked for by http(s) only');
  if (configured === null)
    return { endpoint: `${url.replace(/\/+$/, '').replace(/(\.git)?$/, '.git')}/info/lfs`, credentials };
  const named = URL.parse(configured);
  const isPlain =
    named !== null && named.username === '' && named.password === '' && named.search === '' && named.hash === '';
  if (!isPlain || named.origin !== new URL(url).origin)
    throw refused(url, 'its .lfsconfig names another place than the host of the repository');
  return { endpoint: named.href.replace(/\/+$/, ''), credentials };
}

function refused(url: string, why: string): HoldfastError {
  return new HoldfastError('LFS_REFUSED', `The Git LFS of ${url} is refused: ${why}.`);
}
