import { Agent, EnvHttpProxyAgent, fetch as undiciFetch, type Dispatcher } from 'undici';
import type { OutboundPolicy } from '../domain/network-address.ts';
import { guardedConnector } from '../outbound/guarded-connector.ts';

/** What is known about the last HTTP exchange of one model request. */
export interface HttpFacts {
  /** Null when no answer came. */
  status: number | null;
  /** What the provider asked us to wait, in milliseconds; null when it did not. */
  retryAfterMs: number | null;
  /** Set to the idle limit, in milliseconds, when the provider had sent nothing for so long. */
  stalledMs: number | null;
  /** The system's word for a broken connection, such as `ECONNREFUSED`. */
  networkCode: string | null;
}

/** How the requests to one model are made. */
export interface HttpLimits {
  /** The key; only headers that carry it may authenticate. */
  readonly key: string;
  /** Longest silence before the first byte and between two pieces of a reply. */
  readonly idleTimeoutMs: number;
  /** Where the model may be, when a task named its address; left out, anywhere. */
  readonly network?: OutboundPolicy | undefined;
}

export const noFacts: HttpFacts = { status: null, retryAfterMs: null, stalledMs: null, networkCode: null };

type Fetch = typeof globalThis.fetch;

/** Silence is measured by us: undici's own limits end at five minutes at most, without saying so. */
const unlimited = { bodyTimeout: 0, headersTimeout: 0 };
const CONNECT_MS = 30_000;

/** Connections shared by all sessions of the process. HTTP_PROXY, HTTPS_PROXY and NO_PROXY are honoured. */
let anywhere: EnvHttpProxyAgent | undefined;
/** By policy: connections that are made by us, for behind a proxy nobody could say where they lead. */
const guarded = new WeakMap<OutboundPolicy, Agent>();

function dispatcherFor(network: OutboundPolicy | undefined): Dispatcher {
  if (network === undefined) return (anywhere ??= new EnvHttpProxyAgent(unlimited));
  const known = guarded.get(network);
  if (known !== undefined) return known;
  const agent = new Agent({ ...unlimited, connect: guardedConnector({ ...network, timeoutMs: CONNECT_MS }) });
  guarded.set(network, agent);
  return agent;
}

/**
 * A fetch for the SDKs behind pi-ai which notes into `facts` what they hide (the status and Retry-After of failed
 * requests), ends a silent stream, and lets through only headers of the wire formats: the SDKs also take headers from
 * the server's environment (`OPENAI_CUSTOM_HEADERS`, `ANTHROPIC_CUSTOM_HEADERS`, `OPENAI_ORG_ID`), which must not reach
 * a session's endpoint.
 */
export function observedFetch(limits: HttpLimits, facts: HttpFacts): Fetch {
  return async (input, init) => {
    Object.assign(facts, noFacts);
    const idle = new IdleTimer(limits.idleTimeoutMs, facts);
    const signal = init?.signal ? AbortSignal.any([init.signal, idle.signal]) : idle.signal;
    try {
      const request = undiciFetch(input instanceof Request ? input.url : input, {
        method: init?.method ?? 'GET',
        headers: allowedHeaders(init?.headers, limits.key),
        body: typeof init?.body === 'string' ? init.body : null,
        redirect: 'error', // A redirect would carry the key to another place.
        signal,
        dispatcher: dispatcherFor(limits.network),
      });
      const answer = await idle.during(request);
      facts.status = answer.status;
      facts.retryAfterMs = retryAfterOf(
        answer.headers.get('retry-after-ms'),
        answer.headers.get('retry-after'),
        Date.now(),
      );
      const { status, statusText } = answer;
      const body = answer.body === null ? null : watched(answer.body as ReadableStream<Uint8Array>, idle, facts);
      return new Response(body, { status, statusText, headers: [...answer.headers] });
    } catch (error) {
      facts.networkCode ??= networkCodeOf(error);
      throw error;
    }
  };
}

/** Aborts when it has been armed for so long; it is armed only while we wait for the provider. */
class IdleTimer {
  readonly #controller = new AbortController();
  readonly #expire: () => void;
  readonly #timeoutMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(timeoutMs: number, facts: HttpFacts) {
    this.#timeoutMs = timeoutMs;
    this.#expire = () => {
      facts.stalledMs = timeoutMs;
      this.#controller.abort(new Error(`The model sent nothing for ${timeoutMs} ms.`));
    };
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Waits for something, armed. */
  async during<T>(waiting: Promise<T>): Promise<T> {
    this.#timer = setTimeout(this.#expire, this.#timeoutMs);
    try {
      return await waiting;
    } finally {
      clearTimeout(this.#timer);
    }
  }
}

function watched(body: ReadableStream<Uint8Array>, idle: IdleTimer, facts: HttpFacts): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      try {
        const { done, value } = await idle.during(reader.read());
        if (!done) return controller.enqueue(value);
        controller.close();
      } catch (error) {
        facts.networkCode ??= networkCodeOf(error);
        controller.error(error);
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

const ownHeaders = new Set([
  'accept',
  'content-type',
  'user-agent',
  'anthropic-version',
  'anthropic-beta',
  'anthropic-dangerous-direct-browser-access',
  'session_id',
  'x-client-request-id',
  'x-session-id',
  'x-session-affinity',
  'idempotency-key',
]);
const keyHeader = /^(authorization|x-api-key)$/;

function allowedHeaders(given: RequestInit['headers'], key: string): Record<string, string> {
  const own: Record<string, string> = {};
  for (const [name, value] of new Headers(given)) {
    const ours = ownHeaders.has(name) || name.startsWith('x-stainless-');
    if (ours || (keyHeader.test(name) && value.includes(key))) own[name] = value;
  }
  return own;
}

/** Milliseconds (OpenAI's own header), seconds or a date (RFC 9110 §10.2.3); at most a day. */
export function retryAfterOf(milliseconds: string | null, secondsOrDate: string | null, nowMs: number): number | null {
  const waits = [
    milliseconds === null ? Number.NaN : Number(milliseconds),
    secondsOrDate === null
      ? Number.NaN
      : /^\d+(\.\d+)?$/.test(secondsOrDate)
        ? Number(secondsOrDate) * 1000
        : Date.parse(secondsOrDate) - nowMs,
  ];
  const wait = waits.find((ms) => Number.isFinite(ms));
  return wait === undefined ? null : Math.min(Math.max(Math.ceil(wait), 0), 86_400_000);
}

function networkCodeOf(error: unknown): string | null {
  for (let link: unknown = error; link instanceof Error; link = link.cause) {
    if ('code' in link && typeof link.code === 'string') return link.code;
  }
  return null;
}
