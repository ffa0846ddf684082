import { HoldfastError } from '../domain/failure.ts';
import { createBareRepository, isRepository } from './bare-repository.ts';
import { runRemote, type Remote } from './remote.ts';

const ASK_MS = 30_000;
/** Where GitHub and Gitea, GitLab, and Bitbucket Server show what a request is about, open or closed. */
const REQUEST = /^refs\/(?:(?:pull|merge-requests)\/\d+\/head|pull-requests\/\d+\/from)$/;
/** What else is a request's. Where a forge shows only the merge of one (Azure DevOps), it cannot be told what it is about. */
const OF_REQUEST = /^refs\/(pull|merge|change)/;

/** What became of a branch that was to be removed; `requested`: a pull request is about its commit. */
export type Removal = 'removed' | 'gone' | 'moved' | 'default' | 'requested';

/**
 * Removes a branch from a remote if it is at one of these commits, is not the default one, and no pull request (open or closed, whoever
 * opened it) is about that commit. A branch that moves in between stays: it is removed with a lease.
 * @param gitDir a repository with nothing in it, made if need be: git pushes out of one only
 * @throws HoldfastError REPOSITORY_UNREACHABLE, REPOSITORY_AUTH_FAILED, BRANCH_PROTECTED
 */
export async function removeBranch(
  gitDir: string,
  remote: Remote,
  { branch, commits }: { readonly branch: string; readonly commits: readonly string[] },
): Promise<Removal> {
  const name = `refs/heads/${branch}`;
  const output = await runRemote('/', remote, ['ls-remote', '--symref', '--', remote.url], { timeoutMs: ASK_MS });
  const refs = output.split('\n').map((line) => line.split('\t'));
  const head = refs.find(([value, ref]) => ref === name && value?.startsWith('ref: ') === false)?.[0];
  if (head === undefined) return 'gone';
  if (!commits.includes(head)) return 'moved';
  if (refs.some(([value, ref]) => ref === 'HEAD' && value === `ref: ${name}`)) return 'default';
  const ofRequests = refs.filter(([, ref = '']) => OF_REQUEST.test(ref));
  const isReadable = ofRequests.length === 0 || ofRequests.some(([, ref = '']) => REQUEST.test(ref));
  if (!isReadable || ofRequests.some(([value, ref = '']) => value === head && REQUEST.test(ref))) return 'requested';
  if (!(await isRepository(gitDir))) await createBareRepository(gitDir);
  const lease = `--force-with-lease=${name}:${head}`;
  const push = ['push', '-q', lease, '--', remote.url, `:${name}`];
  return runRemote(gitDir, remote, push, { timeoutMs: ASK_MS }).then(
    () => 'removed',
    (error: unknown) => {
      if (error instanceof HoldfastError && error.code === 'REMOTE_DIVERGED') return 'moved';
      throw error;
    },
  );
}
