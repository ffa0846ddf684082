import type * as z from 'zod';
import { HoldfastError } from '../../domain/failure.ts';
import { retryAfterMs } from '../../domain/retry-after.ts';
import { Redactor } from '../../redaction/redactor.ts';
import { saidOf } from './forge-message.ts';

/** A request to a forge, whole. */
export interface ForgeRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What came back; header names in lower case. */
export interface ForgeAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

/**
 * How a forge is reached: one request, no redirects, a bounded wait and a bounded answer.
 * @throws HoldfastError FORGE_UNAVAILABLE
 */
export type ForgeTransport = (request: ForgeRequest) => Promise<ForgeAnswer>;

/** A repository on a forge: `owner/name`, with all groups on GitLab. */
export interface ForgePlace {
  readonly baseUrl: string;
  readonly repository: string;
}

/** With what a forge is reached. */
export interface ForgeAccess {
  readonly transport: ForgeTransport;
  readonly token: string;
}

/** A list that is longer is not walked to its end: something is wrong with it, or with its server. */
const MAX_PAGES = 200;
/** What GitHub asks of whoever hits a secondary limit that names no time (docs.github.com, "Best practices for using the REST API"). */
const UNNAMED_WAIT_MS = 60_000;

/** The JSON API of a forge: paths below a base URL, answers checked against a schema, and failures in the words of Holdfast. */
export class ForgeApi {
  readonly #name: string;
  readonly #base: string;
  readonly #access: ForgeAccess;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(
    api: { readonly name: string; readonly base: string; readonly headers: Readonly<Record<string, string>> },
    access: ForgeAccess,
  ) {
    this.#name = api.name;
    this.#base = api.base;
    this.#headers = api.headers;
    this.#access = access;
  }

  get<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    return this.send('GET', path, schema);
  }

  /** Sends a body, if there is one, and answers what came back as the schema has it. */
  async send<T>(method: ForgeRequest['method'], path: string, schema: z.ZodType<T>, body?: unknown): Promise<T> {
    return this.#parsed(path, schema, (await this.#call(method, path, body)).body);
  }

  /**
   * All items of a list, page by page. The next page is asked for by its number, never by an address that the answer gives.
   * @param size the query that asks for pages as large as the forge allows
   */
  async list<T>(path: string, schema: z.ZodType<T[]>, size: string): Promise<T[]> {
    const items: T[] = [];
    for (let page = 1; page <= MAX_PAGES; page += 1) {
      const query = `${path.includes('?') ? '&' : '?'}${size}&page=${page}`;
      const { body, headers } = await this.#call('GET', `${path}${query}`);
      items.push(...this.#parsed(path, schema, body));
      if (!/;\s*rel="?next"?/.test(headers['link'] ?? '')) break;
    }
    return items;
  }

  async #call(method: ForgeRequest['method'], path: string, body?: unknown): Promise<ForgeAnswer> {
    const url = /^https?:/.test(path) ? path : `${this.#base}${path}`;
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const headers = { ...this.#headers, ...(body !== undefined && { 'content-type': 'application/json' }) };
    const answer = await this.#access.transport({ method, url, headers, ...sent });
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw this.#failure(`${method} ${path.replace(/\?.*/, '')}`, answer);
  }

  #parsed<T>(path: string, schema: z.ZodType<T>, body: string): T {
    const parsed = schema.safeParse(body === '' ? null : parseJson(body));
    if (parsed.success) return parsed.data;
    const fault = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
    throw new HoldfastError('FORGE_REJECTED', `${this.#name} answered ${path} in a form that is unknown: ${fault}`, {
      remedy: 'Check that forge.kind and forge.baseUrl are right: another server may be there.',
    });
  }

  #failure(call: string, { status, headers, body }: ForgeAnswer): HoldfastError {
    const said = new Redactor().add('forge.token', this.#access.token).text(saidOf(body));
    const message = `${this.#name} answered ${call} with ${status}: ${said}`;
    const details = { status };
    const waitMs = status >= 400 ? waitOf(status, headers, said) : null;
    if (status >= 500) {
      return new HoldfastError('FORGE_UNAVAILABLE', message, {
        details,
        ...(waitMs !== null && { retryAfterMs: waitMs }),
      });
    }
    if (waitMs !== null) return new HoldfastError('FORGE_RATE_LIMITED', message, { details, retryAfterMs: waitMs });
    if (status === 401 || status === 403) return new HoldfastError('FORGE_AUTH_FAILED', message, { details });
    if (status === 404 || status < 400) return new HoldfastError('FORGE_NOT_FOUND', message, { details });
    return new HoldfastError('FORGE_REJECTED', message, { details });
  }
}

/** True for a failure by which a forge answered with one of these. */
export function isAnswer(error: unknown, ...statuses: readonly number[]): error is HoldfastError {
  return error instanceof HoldfastError && statuses.includes(Number(error.details?.['status']));
}

/** How long a forge asks to wait, in milliseconds: by Retry-After, by the end of the window that is used up, or by words alone. */
function waitOf(status: number, headers: ForgeAnswer['headers'], said: string): number | null {
  const named = retryAfterMs(headers['retry-after'], Date.now());
  if (named !== null) return named;
  if (status >= 500) return null;
  const left = headers['x-ratelimit-remaining'] ?? headers['ratelimit-remaining'];
  const reset = headers['x-ratelimit-reset'] ?? headers['ratelimit-reset'];
  if (left === '0' && reset !== undefined)
    return retryAfterMs(new Date(Number(reset) * 1000).toUTCString(), Date.now());
  return status === 429 || /secondary rate limit|abuse detection/i.test(said) ? UNNAMED_WAIT_MS : null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
