import { readSecretFile, UsageError } from './usage-error.ts';

/** What the server refused, in its own words. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** An answer of the server that is no success. */
export class RefusedError extends Error {
  readonly status: number;
  readonly refusal: Refusal;

  constructor(status: number, refusal: Refusal) {
    super(`${refusal.code}: ${refusal.message}`);
    this.name = 'RefusedError';
    this.status = status;
    this.refusal = refusal;
  }
}

/** No Holdfast answered: nobody at all, or something else. */
export class UnreachableError extends Error {
  constructor(url: string, found: string, cause?: unknown) {
    super(`No Holdfast answers at ${url}${found}. Start it with \`npm start\`, or set HOLDFAST_URL.`, { cause });
    this.name = 'UnreachableError';
  }
}

/** A session as the API shows it; only what the command line looks at. */
export interface Session {
  readonly sessionId: string;
  readonly state: string;
  readonly stage: string;
  readonly progress: { readonly percent: number };
  readonly usage: { readonly turns: number };
  readonly pause?: Refusal;
  readonly failure?: Refusal;
}

type Envelope<T> = { readonly success: true; readonly data: T } | { readonly success: false; readonly error: Refusal };

/** The HTTP API, typed as far as the command line uses it. There is no second way into the system. */
export class HoldfastClient {
  readonly url: string;
  readonly #key: string | undefined;

  constructor(url: string, key: string | undefined) {
    this.url = url.replace(/\/+$/, '');
    this.#key = key;
  }

  /**
   * HOLDFAST_URL (default http://127.0.0.1:8420) and HOLDFAST_API_KEY or HOLDFAST_API_KEY_FILE.
   * @throws UsageError for what cannot be used, without the key in its message.
   */
  static fromEnvironment(env: Readonly<Record<string, string | undefined>>): HoldfastClient {
    const file = env['HOLDFAST_API_KEY_FILE'];
    const key = file ? readSecretFile('HOLDFAST_API_KEY_FILE', file) : env['HOLDFAST_API_KEY'];
    if (key && !/^[\x21-\x7e]+$/.test(key)) throw new UsageError('The API key has characters that no key has.');
    const url = env['HOLDFAST_URL'] || 'http://127.0.0.1:8420';
    if (!/^https?:$/.test(URL.parse(url)?.protocol ?? '')) throw new UsageError('HOLDFAST_URL must be an http(s) URL.');
    return new HoldfastClient(url, key || undefined);
  }

  /**
   * Calls the API and answers `data`.
   * @throws RefusedError, UnreachableError
   */
  async call<T>(
    method: 'GET' | 'POST',
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<T> {
    const response = await this.#fetch(method, path, body, headers);
    const answer = await bodyOf(response);
    if (isEnvelope<T>(answer) && answer.success) return answer.data;
    throw this.#failureOf(response, answer);
  }

  /**
   * Removes what a path names; again does no harm.
   * @throws RefusedError, UnreachableError
   */
  async delete(path: string): Promise<void> {
    const response = await this.#fetch('DELETE', path, undefined, {});
    if (response.status !== 204) throw this.#failureOf(response, await bodyOf(response));
  }

  /**
   * What a path answers, byte by byte.
   * @throws RefusedError, UnreachableError; the stream fails when the answer breaks off.
   */
  async download(path: string): Promise<ReadableStream<Uint8Array>> {
    const response = await this.#fetch('GET', path, undefined, {});
    if (response.ok && response.body !== null) return response.body;
    throw this.#failureOf(response, await bodyOf(response));
  }

  session(id: string): Promise<Session> {
    return this.call('GET', `/api/sessions/${encodeURIComponent(id)}`);
  }

  #failureOf({ status }: Response, answer: unknown): Error {
    if (isEnvelope(answer) && !answer.success) return new RefusedError(status, answer.error);
    return new UnreachableError(this.url, `: something else did, with HTTP ${status}`);
  }

  async #fetch(
    method: string,
    path: string,
    body: unknown,
    headers: Readonly<Record<string, string>>,
  ): Promise<Response> {
    const all = {
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(this.#key !== undefined && { authorization: `Bearer ${this.#key}` }),
      ...headers,
    };
    try {
      return await fetch(this.url + path, {
        method,
        headers: all,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    } catch (cause) {
      throw new UnreachableError(this.url, '', cause);
    }
  }
}

/** Null for what is no JSON. */
function bodyOf(response: Response): Promise<unknown> {
  return response.json().catch(() => null);
}

/** Holdfast's envelope, and no answer of some proxy or other server. */
function isEnvelope<T>(answer: unknown): answer is Envelope<T> {
  const { success, data, error } = Object(answer) as Partial<Record<'success' | 'data' | 'error', unknown>>;
  if (success === true) return data !== undefined;
  return success === false && typeof (Object(error) as Partial<Refusal>).code === 'string';
}
