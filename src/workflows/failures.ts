import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';
import { failureCodes, isFailureCode, toFailure, type Failure, type FailureCode } from '../domain/failure.ts';

/** A failure and what the activity that failed said besides. */
export interface ActivityTrouble {
  readonly failure: Failure;
  /** How long the other side asked us to wait, in milliseconds. */
  readonly retryAfterMs: number | null;
}

/** What went wrong, out of whatever a step of the workflow threw. */
export function troubleOf(error: unknown): ActivityTrouble {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure && isFailureCode(cause.type)) {
    const [failure, retryAfterMs] = cause.details ?? [];
    return {
      failure: isFailure(failure) ? failure : failureOf(cause.type, cause.message),
      retryAfterMs: typeof retryAfterMs === 'number' ? retryAfterMs : null,
    };
  }
  if (cause instanceof TimeoutFailure) {
    const message = `${activityOf(error)} timed out (${cause.timeoutType}).`;
    return { failure: failureOf('INTERNAL', message), retryAfterMs: null };
  }
  return { failure: toFailure(cause), retryAfterMs: null };
}

/** A failure of the given code, made inside the workflow. */
export function failureOf(code: FailureCode, message: string, details?: Failure['details']): Failure {
  return { code, message, ...failureCodes[code], ...(details && { details }) };
}

/** A refusal of a message, as Temporal carries it: the type is the code, the first detail the failure. */
export function refusal(code: FailureCode, message: string, details?: Failure['details']): ApplicationFailure {
  return ApplicationFailure.create({
    message,
    type: code,
    nonRetryable: true,
    details: [failureOf(code, message, details)],
  });
}

function activityOf(error: unknown): string {
  return error instanceof ActivityFailure ? `The activity ${error.activityType}` : 'A step';
}

function isFailure(value: unknown): value is Failure {
  return typeof value === 'object' && value !== null && 'code' in value && isFailureCode(value.code);
}
