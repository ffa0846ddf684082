import type { FailureKind } from './failure.ts';

/** The failures of a delivery; part of the one list in failure.ts. */
export const deliveryFailures = {
  NO_CHANGES: {
    class: 'code',
    retryable: false,
    remedy: 'The agent changed nothing; read its summary and the transcript.',
  },
  REMOTE_DIVERGED: {
    class: 'code',
    retryable: false,
    remedy:
      'Put the branch back (or delete it) and resume; or resume with another `branch`; or abort: the work is kept as a patch.',
  },
  BRANCH_PROTECTED: {
    class: 'input',
    retryable: false,
    remedy: 'Resume with another `branch`; or let the token push to this one and resume; or abort: the work is kept.',
  },
  SIGNING_KEY_MISSING: {
    class: 'auth',
    retryable: false,
    remedy: 'Resume with credentials.signingKey: the key that commits are to be signed with.',
  },
  DIRECTORY_CHANGED: {
    class: 'code',
    retryable: false,
    remedy: 'The directory changed since the freeze; apply the patch by hand.',
  },
  FORGE_AUTH_FAILED: {
    class: 'auth',
    retryable: false,
    remedy: 'Resume with credentials.forgeToken: a token that may read and write pull requests of the repository.',
  },
  FORGE_NOT_FOUND: {
    class: 'input',
    retryable: false,
    remedy: 'Check forge.baseUrl and the repository; to a token that may not see it, a forge says the same.',
  },
  FORGE_REJECTED: {
    class: 'input',
    retryable: false,
    remedy: 'Read what the forge says; put it right there, then resume.',
  },
  FORGE_RATE_LIMITED: {
    class: 'network',
    retryable: true,
    remedy: 'The forge limits the rate: it is tried again when the forge allows it, or on resume.',
  },
  FORGE_UNAVAILABLE: {
    class: 'network',
    retryable: true,
    remedy: 'Check that the worker reaches the forge (FORGE_ALLOW_PRIVATE for a private network), then resume.',
  },
} as const satisfies Record<string, FailureKind>;
