import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { ZodError } from 'zod';
import { HoldfastError } from '../domain/failure.ts';
import type { Redactor } from '../redaction/redactor.ts';
import { statusOf } from './status.ts';

/** Something wrong with a field. */
export interface Fault {
  readonly path: string;
  readonly message: string;
}

/** What the API writes down when it fails. */
export interface ErrorLog {
  error(facts: object, message: string): void;
}

const RETRY_AFTER_SECONDS = '2';

/** Turns everything that is thrown or not found into the one envelope for failures, without secrets. */
export function handleErrors(app: OpenAPIHono, log: ErrorLog, redactor: () => Redactor): void {
  const failed = (c: Context, error: HoldfastError) => answerWith(c, error, redactor());
  app.notFound((c) => failed(c, new HoldfastError('NOT_FOUND', `There is no ${c.req.method} ${c.req.path}.`)));
  app.onError((error, c) => {
    if (error instanceof HoldfastError) return failed(c, error);
    if (error instanceof HTTPException) return failed(c, ofStatus(error.status, error.message));
    log.error(
      { error: error.stack ?? String(error), requestId: c.get('requestId' as never), path: c.req.path },
      'request failed',
    );
    return failed(c, new HoldfastError('INTERNAL', 'The server failed; the log has the details.'));
  });
}

/** The answer to a body or query that does not fit: every fault at once. */
export function refuseInvalid(result: { readonly success: boolean; readonly error?: ZodError }): void {
  if (result.success || result.error === undefined) return;
  throw invalid(faultsOf(result.error));
}

/** An INVALID_REQUEST that names all faults. */
export function invalid(faults: readonly Fault[]): HoldfastError {
  const lines = faults.map(({ path, message }) => `${path || 'body'}: ${message}`);
  return new HoldfastError(
    'INVALID_REQUEST',
    `The request has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}: ${lines.join('; ')}`,
    {
      details: { faults },
    },
  );
}

/** What a schema finds wrong, field by field; unknown fields one by one. */
export function faultsOf(error: ZodError): Fault[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path.join('.');
    if (issue.code !== 'unrecognized_keys') return [{ path, message: issue.message }];
    return issue.keys.map((key) => ({ path: [...issue.path, key].join('.'), message: 'unknown field' }));
  });
}

function answerWith(c: Context, error: HoldfastError, redactor: Redactor): Response {
  const status: ContentfulStatusCode = statusOf[error.code];
  if (status === 503) c.header('Retry-After', RETRY_AFTER_SECONDS);
  if (status === 401) c.header('WWW-Authenticate', 'Bearer');
  const requestId = String(c.get('requestId' as never) ?? '');
  return c.json({ success: false, error: { ...redactor.json(error.toFailure()), requestId } }, status);
}

function ofStatus(status: number, message: string): HoldfastError {
  if (status === 400) return new HoldfastError('MALFORMED_JSON', message || 'The body is not JSON.');
  if (status === 413) return new HoldfastError('BODY_TOO_LARGE', 'The body is larger than 1 MB.');
  if (status === 415) return new HoldfastError('UNSUPPORTED_MEDIA_TYPE', 'The body must be application/json.');
  if (status === 401) return new HoldfastError('UNAUTHORIZED', 'The key is missing or wrong.');
  return new HoldfastError(status === 404 ? 'NOT_FOUND' : 'INVALID_REQUEST', message || `HTTP ${status}`);
}
