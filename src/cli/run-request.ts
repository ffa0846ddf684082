import { createHash } from 'node:crypto';
import { UsageError } from './usage-error.ts';

/** A request for a session, made of a JSON argument or of the environment. */
export interface RunRequest {
  readonly body: Readonly<Record<string, unknown>>;
  /** Makes a repeated `run` find the session it made before. */
  readonly idempotencyKey: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The body of `POST /api/sessions`: the JSON argument, if there is one; else REPO_URL, TASK_INTENT and their kin.
 * @throws UsageError naming what is wrong.
 */
export function runRequest(argument: string | undefined, env: Environment): RunRequest {
  const body = argument === undefined ? fromEnvironment(env) : parseArgument(argument);
  if (body['auto'] === false) {
    throw new UsageError('run follows a task to its end, so `auto` cannot be false: use POST /api/sessions for that.');
  }
  const { taskId } = body;
  return { body: { ...body, auto: true }, idempotencyKey: typeof taskId === 'string' ? keyOf(taskId) : undefined };
}

/** The task's id as it is; its digest where a header cannot carry it. */
function keyOf(taskId: string): string {
  const fits = /^[\x21-\x7e]([\x20-\x7e]{0,198}[\x21-\x7e])?$/.test(taskId);
  return fits ? taskId : createHash('sha256').update(taskId).digest('hex');
}

function parseArgument(argument: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(argument);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new UsageError('The argument of run must be a JSON object: the body of POST /api/sessions.');
}

function fromEnvironment(env: Environment): Record<string, unknown> {
  const missing = ['REPO_URL', 'TASK_INTENT'].filter((name) => !env[name]);
  if (missing.length > 0) throw new UsageError(`Give a JSON argument, or set ${missing.join(' and ')}.`);
  const token = env['GITLAB_API_TOKEN'];
  const author = env['GIT_USERNAME'] && env['GIT_EMAIL'] && { name: env['GIT_USERNAME'], email: env['GIT_EMAIL'] };
  const model = {
    ...(env['ANTHROPIC_API_KEY'] && { provider: 'anthropic', apiKey: env['ANTHROPIC_API_KEY'] }),
    ...(env['ANTHROPIC_BASE_URL'] && { baseUrl: env['ANTHROPIC_BASE_URL'] }),
    ...(env['MODEL_NAME'] && { id: env['MODEL_NAME'] }),
  };
  const webhook = env['WEBHOOK_URL'] && {
    url: env['WEBHOOK_URL'],
    ...(env['WEBHOOK_SECRET'] && { secret: env['WEBHOOK_SECRET'] }),
  };
  return {
    userPrompt: env['TASK_INTENT'],
    source: { repoUrl: env['REPO_URL'], ...(token && { credentials: { token, username: 'oauth2' } }) },
    ...(author && { author }),
    ...(env['TASK_ID'] && { taskId: env['TASK_ID'] }),
    ...(webhook && { webhook }),
    ...(Object.keys(model).length > 0 && { model }),
  };
}
