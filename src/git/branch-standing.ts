import { runRemote, type Remote } from './remote.ts';

const ASK_MS = 30_000;

/** How a branch stands on the remote. */
export interface BranchStanding {
  /** Its commit; null when there is no such branch. */
  readonly head: string | null;
  /** True for the branch that the remote's HEAD names, also while it has no commit. */
  readonly isDefault: boolean;
}

/**
 * Asks a remote about a branch.
 * @throws HoldfastError REPOSITORY_UNREACHABLE, REPOSITORY_AUTH_FAILED
 */
export async function standingOfBranch(remote: Remote, branch: string): Promise<BranchStanding> {
  const ref = `refs/heads/${branch}`;
  const output = await runRemote('/', remote, ['ls-remote', '--symref', '--', remote.url, 'HEAD', ref], {
    timeoutMs: ASK_MS,
  });
  // git also answers refs that only end with these words.
  const lines = output.split('\n').map((line) => line.split('\t'));
  const head = lines.find(([value, name]) => name === ref && value?.startsWith('ref: ') === false)?.[0] ?? null;
  const isDefault = lines.some(([value, name]) => name === 'HEAD' && value === `ref: ${ref}`);
  return { head, isDefault };
}
