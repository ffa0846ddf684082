import { HoldfastError } from '../domain/failure.ts';
import { runRemote, type Remote } from './remote.ts';

/** A look at a remote answers within this, or has failed. */
export const PROBE_MS = 10_000;
const MAX_NAMED = 10;

/** A commit that a ref stands for. */
export interface Resolved {
  readonly commit: string;
  /** The full name of the ref, or the commit id itself. */
  readonly ref: string;
}

/**
 * Asks a repository for the commit of a ref, without cloning: a branch, a tag, a full name (`refs/pull/7/head`,
 * `refs/merge-requests/7/head`) or a whole commit id; default is its HEAD. A branch goes before a tag of the same name.
 * @throws HoldfastError REPOSITORY_UNREACHABLE, REPOSITORY_AUTH_FAILED, HOST_UNTRUSTED, HOST_KEY_CHANGED, REF_NOT_FOUND (which says what
 * exists)
 */
export async function probeRemote(remote: Remote, ref?: string): Promise<Resolved> {
  const output = await runRemote('/', remote, ['ls-remote', '--symref', '--', remote.url], { timeoutMs: PROBE_MS });
  const { head, refs } = parseRefs(output);
  const names = ref === undefined ? [head, 'HEAD'] : [ref, `refs/heads/${ref}`, `refs/tags/${ref}`];
  for (const name of names) {
    const commit = refs.get(`${name}^{}`) ?? refs.get(name); // What an annotated tag points at, before the tag itself.
    if (commit !== undefined) return { commit, ref: name === 'HEAD' ? commit : name };
  }
  // A commit that no ref points at can still be fetched by its id, where the server allows it.
  if (ref !== undefined && /^[0-9a-f]{40}$/.test(ref)) return { commit: ref, ref };
  throw new HoldfastError('REF_NOT_FOUND', `${remote.url} has no ${ref ?? 'HEAD'}. ${hintFor(ref, refs)}`);
}

function parseRefs(output: string): { readonly head: string; readonly refs: ReadonlyMap<string, string> } {
  const refs = new Map<string, string>();
  let head = 'HEAD';
  for (const line of output.split('\n')) {
    const [value = '', name = ''] = line.split('\t');
    if (name === 'HEAD' && value.startsWith('ref: ')) head = value.slice('ref: '.length);
    else if (name !== '') refs.set(name, value);
  }
  return { head, refs };
}

/** An abbreviated id is never guessed: the same letters may stand for another commit tomorrow. */
function hintFor(ref: string | undefined, refs: ReadonlyMap<string, string>): string {
  if (ref !== undefined && /^[0-9a-f]{4,39}$/i.test(ref)) {
    const meant = new Set([...refs.values()].filter((commit) => commit.startsWith(ref.toLowerCase())));
    return `An abbreviated commit id is not taken: give all 40 characters${meant.size === 1 ? `, such as ${[...meant].join()}` : ''}.`;
  }
  const branches = [...refs.keys()].filter((name) => name.startsWith('refs/heads/'));
  const known = branches.slice(0, MAX_NAMED).map((name) => name.slice('refs/heads/'.length, 200));
  return known.length === 0 ? 'The repository is empty.' : `Branches: ${known.join(', ')}.`;
}
