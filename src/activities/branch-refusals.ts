import { HoldfastError } from '../domain/failure.ts';

/** The refusal to push over work that is not ours, with what there is to choose. */
export function diverged(branch: string, head: string | null): HoldfastError {
  const where = head === null ? 'is not on the remote any more' : `is at ${head} on the remote, which is not ours`;
  const choices = {
    retry: 'resume, after the branch was put back or deleted',
    newBranch: 'resume with {"branch": "another-name"}',
    abort: 'abort: the work is kept as a patch',
  };
  return new HoldfastError('REMOTE_DIVERGED', `The branch ${branch} ${where}.`, { details: { branch, head, choices } });
}

/** The refusal to push to the default branch of a repository when the task does not say so. */
export function defaultBranchRefused(branch: string): HoldfastError {
  const message = `${branch} is the default branch of the repository, which the task does not allow to be pushed to.`;
  return new HoldfastError('BRANCH_PROTECTED', message, {
    remedy: 'Name another `branch`, or set allowDefaultBranch in a new request.',
    details: { branch },
  });
}

/** The refusal to push to a branch that the forge protects, whatever the token could do there. */
export function protectedBranchRefused(branch: string): HoldfastError {
  return new HoldfastError('BRANCH_PROTECTED', `${branch} is a protected branch of the repository.`, {
    remedy:
      'Name another `branch`, take the protection off it (a session that waits is then resumed), or set allowProtectedBranch in a new request.',
    details: { branch },
  });
}
