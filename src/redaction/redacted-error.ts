import type { Redactor } from './redactor.ts';

const MAX_CAUSES = 5;

/** An error without secrets in its message, stack and causes; the same one when there are none in its own. */
export function redactedError(error: Error, redactor: Redactor, depth = MAX_CAUSES): Error {
  const message = redactor.text(error.message);
  const stack = redactor.text(error.stack ?? '');
  const cause = error.cause instanceof Error && depth > 0 ? redactedError(error.cause, redactor, depth - 1) : undefined;
  if (message === error.message && stack === (error.stack ?? '') && cause === error.cause) return error;
  const clean = new Error(message, cause === undefined ? undefined : { cause });
  clean.name = error.name;
  clean.stack = stack;
  return clean;
}
