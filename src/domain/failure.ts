import { deliveryFailures } from './delivery-failures.ts';
import { sourceFailures } from './source-failures.ts';

/** Who can cure a failure, and how it is retried: the class decides, see {@link failureCodes}. */
export type FailureClass = 'network' | 'auth' | 'input' | 'code' | 'model' | 'system';

/** What a code stands for. */
export interface FailureKind {
  readonly class: FailureClass;
  /** True when the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean;
  /** What a person can do about it. */
  readonly remedy: string;
}

/** Every failure Holdfast can report. The code is public: it stands in answers, events, webhooks and Temporal failures. */
export const failureCodes = {
  // Input: refused at the door, or found wanting later.
  INVALID_REQUEST: { class: 'input', retryable: false, remedy: 'Correct the listed fields, then send it again.' },
  MALFORMED_JSON: { class: 'input', retryable: false, remedy: 'Send one JSON object as the body.' },
  UNSUPPORTED_MEDIA_TYPE: { class: 'input', retryable: false, remedy: 'Send the body as application/json.' },
  BODY_TOO_LARGE: {
    class: 'input',
    retryable: false,
    remedy: 'Send at most 1 MB; put large material into the repository.',
  },
  NOT_FOUND: { class: 'input', retryable: false, remedy: 'Check the path against /openapi.json.' },
  SESSION_NOT_FOUND: {
    class: 'input',
    retryable: false,
    remedy: 'Check the session id; GET /api/sessions lists them.',
  },
  ARTIFACT_NOT_FOUND: {
    class: 'input',
    retryable: false,
    remedy: 'Wait until the session has produced it, or check its name.',
  },
  IDEMPOTENCY_MISMATCH: {
    class: 'input',
    retryable: false,
    remedy: 'Use a new Idempotency-Key for a different request.',
  },
  INVALID_SKILL: { class: 'input', retryable: false, remedy: 'Correct the skill at the named places.' },
  ...sourceFailures,
  INVALID_WEBHOOK_URL: {
    class: 'input',
    retryable: false,
    remedy: 'Use https, or http on loopback where it is allowed.',
  },
  // Wrong moment.
  PREFLIGHT_REQUIRED: { class: 'input', retryable: false, remedy: 'Call preflight first.' },
  PREFLIGHT_INCOMPLETE: {
    class: 'input',
    retryable: false,
    remedy: 'Answer what is missing with preflight, then execute.',
  },
  APPROVAL_REQUIRED: { class: 'input', retryable: false, remedy: 'Read the contract, then POST …/approve.' },
  CONTRACT_CHANGED: { class: 'input', retryable: false, remedy: 'Read the contract as it is now, then approve it.' },
  CONTRACT_FROZEN: {
    class: 'input',
    retryable: false,
    remedy: 'Nothing can be supplied after the freeze; create a new session.',
  },
  ALREADY_EXECUTING: { class: 'input', retryable: false, remedy: 'Read the session; it is already on its way.' },
  ILLEGAL_TRANSITION: {
    class: 'input',
    retryable: false,
    remedy: 'Read the state of the session and choose a call that fits it.',
  },
  SESSION_CLOSED: { class: 'input', retryable: false, remedy: 'The session has ended; create a new one.' },
  // Ends of a session.
  ABORTED: {
    class: 'input',
    retryable: false,
    remedy: 'The work up to the abort is kept: see its diff and transcript.',
  },
  PREFLIGHT_TIMEOUT: {
    class: 'input',
    retryable: false,
    remedy: 'Create the session again and answer within the deadline.',
  },
  MISSING_INFORMATION: {
    class: 'input',
    retryable: false,
    remedy: 'Create the session again with the missing information.',
  },
  CONTRACT_INVALID: {
    class: 'model',
    retryable: false,
    remedy: 'Use a model that follows tool schemas, or word the task more plainly.',
  },
  SNAPSHOT_TAMPERED: {
    class: 'system',
    retryable: false,
    remedy: 'Restore the blob store from a trusted copy and find out who changed it.',
  },
  CHECKPOINT_TAMPERED: { class: 'system', retryable: false, remedy: 'Put trusted records and blobs back; resume.' },
  INTERACTION_ATTEMPTED: {
    class: 'model',
    retryable: false,
    remedy: 'Put the missing information into the task; nothing is asked after the freeze.',
  },
  NO_RESULT: {
    class: 'model',
    retryable: false,
    remedy: 'Read the transcript; word the task so that it has a definite end.',
  },
  STUCK: {
    class: 'model',
    retryable: false,
    remedy: 'Read the transcript from its end, then fork the session from a checkpoint before that with other words.',
  },
  BLOCKED: {
    class: 'model',
    retryable: false,
    remedy: 'Read the reason the agent gave, cure it, and create a new session.',
  },
  CHECKS_FAILED: {
    class: 'code',
    retryable: false,
    remedy: 'Read the report; the work is kept on its branch and as a patch.',
  },
  ...deliveryFailures,
  SETUP_FAILED: { class: 'code', retryable: false, remedy: 'Read setup/*.log; cure what it says, then resume.' },
  // Pauses: cured from outside, then resumed.
  MODEL_KEY_MISSING: {
    class: 'auth',
    retryable: false,
    remedy: 'Set LLM_API_KEY (or resume with a modelApiKey), then resume the session.',
  },
  MODEL_AUTH_FAILED: {
    class: 'auth',
    retryable: false,
    remedy: 'Correct LLM_API_KEY (or resume with a modelApiKey), then resume the session.',
  },
  MODEL_UNAVAILABLE: { class: 'model', retryable: true, remedy: 'The provider does not answer; resume when it does.' },
  MODEL_RATE_LIMITED: {
    class: 'model',
    retryable: true,
    remedy: 'The provider limits the rate; resume later or raise the quota.',
  },
  MODEL_REJECTED: {
    class: 'model',
    retryable: false,
    remedy: 'The provider refuses the request: check model name, base URL and context size.',
  },
  BUDGET_REACHED: { class: 'input', retryable: false, remedy: 'Resume with higher limits; nothing is lost.' },
  // Inside.
  STALE_ATTEMPT: { class: 'system', retryable: true, remedy: 'None needed: a newer attempt has taken over.' },
  ATTEMPT_STALLED: { class: 'system', retryable: true, remedy: 'It is tried again; else see the log of the worker.' },
  SANDBOX_UNAVAILABLE: {
    class: 'system',
    retryable: true,
    remedy: 'Run `holdfast doctor` on the worker; install bubblewrap and allow user namespaces.',
  },
  GIT_FAILED: { class: 'system', retryable: true, remedy: 'Read what git says; check disk space and the repository.' },
  STORAGE_FAILED: { class: 'system', retryable: true, remedy: 'Check space and permissions of the data directory.' },
  SECRET_UNREADABLE: { class: 'auth', retryable: false, remedy: 'Put its key back, or resume with new credentials.' },
  TEMPORAL_UNAVAILABLE: {
    class: 'system',
    retryable: true,
    remedy: 'Temporal does not answer; try again, nothing was lost.',
  },
  WEBHOOK_FAILED: { class: 'network', retryable: true, remedy: 'Check the endpoint; the event stays in /events.' },
  UNAUTHORIZED: { class: 'auth', retryable: false, remedy: 'Send a valid key as `Authorization: Bearer …`.' },
  FORBIDDEN_ORIGIN: {
    class: 'auth',
    retryable: false,
    remedy: 'Without API keys the server only answers to its own loopback host and origin.',
  },
  INTERNAL: {
    class: 'system',
    retryable: true,
    remedy: 'Look for the requestId in the log of the server and report it.',
  },
} as const satisfies Record<string, FailureKind>;

/** A code of {@link failureCodes}. */
export type FailureCode = keyof typeof failureCodes;

/** A failure as data: what is stored, sent and shown. */
export interface Failure {
  readonly code: FailureCode;
  readonly message: string;
  readonly class: FailureClass;
  readonly retryable: boolean;
  readonly remedy: string;
  /** Named facts, for example `{ faults: [...] }` or `{ missingInfo: [...] }`; JSON, without secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** What may be said about a failure besides code and message. */
export interface FailureFacts {
  readonly details?: Readonly<Record<string, unknown>>;
  readonly remedy?: string;
  readonly cause?: unknown;
  /** How long the other side asked us to wait (for example `Retry-After`), in milliseconds. */
  readonly retryAfterMs?: number;
}

/** The one error class of Holdfast: thrown wherever a {@link Failure} happens, turned into data at the edges. */
export class HoldfastError extends Error {
  readonly code: FailureCode;
  readonly class: FailureClass;
  readonly retryable: boolean;
  readonly remedy: string;
  readonly details: Readonly<Record<string, unknown>> | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: FailureCode, message: string, facts: FailureFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    const kind = failureCodes[code];
    this.name = 'HoldfastError';
    this.code = code;
    this.class = kind.class;
    this.retryable = kind.retryable;
    this.remedy = facts.remedy ?? kind.remedy;
    this.details = facts.details;
    this.retryAfterMs = facts.retryAfterMs;
  }

  /** The failure as plain JSON. */
  toFailure(): Failure {
    const { code, message, retryable, remedy, details } = this;
    return { code, message, class: this.class, retryable, remedy, ...(details && { details }) };
  }
}

/** True for a string that is a code of {@link failureCodes}. */
export function isFailureCode(value: unknown): value is FailureCode {
  return typeof value === 'string' && Object.hasOwn(failureCodes, value);
}

/** The system's words for a disk that is full, read-only or broken (errno(3)). */
const storageErrors: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO']);

/** Any thrown value as a {@link Failure}: ours as it is, a disk's as STORAGE_FAILED, everything else as INTERNAL with its message. */
export function toFailure(error: unknown): Failure {
  if (error instanceof HoldfastError) return error.toFailure();
  const isStorage = error instanceof Error && 'code' in error && storageErrors.has(error.code);
  const message = error instanceof Error ? error.message : String(error);
  return new HoldfastError(isStorage ? 'STORAGE_FAILED' : 'INTERNAL', message).toFailure();
}

const curableCodes: ReadonlySet<FailureCode> = new Set([
  'MODEL_UNAVAILABLE',
  'MODEL_RATE_LIMITED',
  'MODEL_REJECTED',
  'BUDGET_REACHED',
  'ATTEMPT_STALLED',
  'CHECKPOINT_TAMPERED',
  'SANDBOX_UNAVAILABLE',
  'GIT_FAILED',
  'STORAGE_FAILED',
  'REMOTE_DIVERGED',
  'SETUP_FAILED',
  'BRANCH_PROTECTED',
  'FORGE_NOT_FOUND',
  'FORGE_REJECTED',
  'INTERNAL',
]);

/** True for a failure that somebody can cure from outside: it pauses the session, which keeps its work and goes on after `resume`. */
export function isCurable(failure: Failure): boolean {
  return failure.class === 'auth' || failure.class === 'network' || curableCodes.has(failure.code);
}

/** True for trouble of the model's provider that passes by itself: worth another try after a while. */
export function isModelOutage(failure: Failure): boolean {
  return failure.code === 'MODEL_UNAVAILABLE' || failure.code === 'MODEL_RATE_LIMITED';
}
