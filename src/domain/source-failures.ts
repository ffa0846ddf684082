import type { FailureKind } from './failure.ts';

/** The failures of reading a source; part of the one list in failure.ts. */
export const sourceFailures = {
  INVALID_REPOSITORY_URL: {
    class: 'input',
    retryable: false,
    remedy: 'Give an http(s) URL without user info, ssh://user@host/path, user@host:path, or an absolute local path.',
  },
  PATH_NOT_ALLOWED: {
    class: 'input',
    retryable: false,
    remedy: 'Add the directory to ALLOWED_ROOTS, or use one below it.',
  },
  REPOSITORY_UNREACHABLE: {
    class: 'network',
    retryable: true,
    remedy: 'Check the URL, the network and the host of the repository.',
  },
  REPOSITORY_AUTH_FAILED: { class: 'auth', retryable: false, remedy: 'Give a token or key that may read and push.' },
  HOST_UNTRUSTED: { class: 'auth', retryable: false, remedy: 'Give knownHosts (SSH) or ca (HTTPS) for the host.' },
  HOST_KEY_CHANGED: { class: 'auth', retryable: false, remedy: 'Ask who runs the host, then give its right key.' },
  REF_NOT_FOUND: {
    class: 'input',
    retryable: false,
    remedy: 'Name a branch, tag or commit that exists on the remote.',
  },
  SUBMODULE_REFUSED: {
    class: 'input',
    retryable: false,
    remedy: 'Correct .gitmodules in the repository, or leave source.submodules out: their directories are then empty.',
  },
  LFS_REFUSED: {
    class: 'input',
    retryable: false,
    remedy: 'Cure what it says, or leave source.lfs out: the work tree then has pointers in place of its files.',
  },
  LFS_FAILED: {
    class: 'network',
    retryable: true,
    remedy: 'Check the Git LFS of the repository: its server must be there and have the files.',
  },
} as const satisfies Record<string, FailureKind>;
