import { readFileSync } from 'node:fs';

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

/** The server did not answer at all. */
export class UnreachableError extends Error {
  constructor(url: string, cause: unknown) {
    super(`No Holdfast answers at ${url}. Start it with \`npm start\`, or set HOLDFAST_URL.`, { cause });
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

/** The HTTP API, typed as far as the command line uses it. There is no second way into the system. */
export class HoldfastClient {
  readonly url: string;
  readonly #key: string | undefined;

  constructor(url: string, key: string | undefined) {
    this.url = url.replace(/\/+$/, '');
    this.#key = key;
  }

  /** HOLDFAST_URL (default http://127.0.0.1:8420) and HOLDFAST_API_KEY or HOLDFAST_API_KEY_FILE. */
  static fromEnvironment(env: Readonly<Record<string, string | undefined>>): HoldfastClient {
    const file = env['HOLDFAST_API_KEY_FILE'];
    const key = file ? readFileSync(file, 'utf8').trim() : env['HOLDFAST_API_KEY'];
    return new HoldfastClient(env['HOLDFAST_URL'] || 'http://127.0.0.1:8420', key || undefined);
  }

  /**
   * Calls the API and answers `data`.
   * @throws RefusedError, UnreachableError
   */
  async call<T>(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<T> {
    const response = await this.#fetch(method, path, body, headers);
    const text = await response.text();
    if (!response.headers.get('content-type')?.includes('json')) return text as T;
    const answer = JSON.parse(text) as { success: boolean; data: T; error?: Refusal };
    if (answer.success) return answer.data;
    throw new RefusedError(
      response.status,
      answer.error ?? { code: String(response.status), message: text.slice(0, 300), remedy: '' },
    );
  }

  session(id: string): Promise<Session> {
    return this.call('GET', `/api/sessions/${encodeURIComponent(id)}`);
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
      throw new UnreachableError(this.url, cause);
    }
  }
}
