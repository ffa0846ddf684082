import { isContextOverflow, type AssistantMessage } from '@earendil-works/pi-ai';
import { HoldfastError, type FailureCode } from '../domain/failure.ts';
import { REFUSED } from '../outbound/guarded-connector.ts';
import { noFacts, type HttpFacts } from './http.ts';

/** The type of the diagnostic on a failed reply that holds its {@link HttpFacts}. */
export const HTTP_DIAGNOSTIC = 'holdfast.http';

const MESSAGE_CHARS = 400;
const refusedRemedy =
  'If the model is inside, the operator names its network in OUTBOUND_PRIVATE_NETWORKS; then resume.';

/**
 * What a failed reply means. pi-ai does not throw: a reply with `stopReason` `error` says in `errorMessage` what
 * happened, and the providers of `createModel` add what HTTP said. For a text alone (or a reply of another provider)
 * the text decides. An abort is not a failure of the model: look at your own signal first.
 */
export function classifyModelError(error: AssistantMessage | string, given: Partial<HttpFacts> = {}): HoldfastError {
  const text = typeof error === 'string' ? error : (error.errorMessage ?? 'The reply failed without a reason.');
  const facts: HttpFacts = { ...noFacts, ...(typeof error !== 'string' && factsOf(error)), ...given };
  const code = codeOf(error, text, facts);
  const details = { status: facts.status, ...(facts.networkCode !== null && { networkCode: facts.networkCode }) };
  const wait = code === 'MODEL_RATE_LIMITED' || code === 'MODEL_UNAVAILABLE' ? facts.retryAfterMs : null;
  const remedy = facts.networkCode === REFUSED && { remedy: refusedRemedy };
  const options = { details, ...(wait !== null && { retryAfterMs: wait }), ...remedy };
  return new HoldfastError(code, messageOf(text, facts), options);
}

function factsOf(message: AssistantMessage): Partial<HttpFacts> {
  const diagnostic = message.diagnostics?.findLast(({ type }) => type === HTTP_DIAGNOSTIC);
  return (diagnostic?.details ?? {}) as Partial<HttpFacts>;
}

function codeOf(error: AssistantMessage | string, text: string, facts: HttpFacts): FailureCode {
  if (facts.stalledMs !== null) return 'MODEL_UNAVAILABLE';
  if (facts.networkCode === REFUSED) return 'MODEL_REJECTED';
  const status = facts.status ?? statusIn(text);
  if (status !== null && status >= 400) return codeOfStatus(status);
  if (typeof error !== 'string' && isContextOverflow(error)) return 'MODEL_REJECTED';
  return streamErrors.find(({ pattern }) => pattern.test(text))?.code ?? 'MODEL_UNAVAILABLE';
}

/** 408, 409 and 425 are refusals of the moment, as the vendors' own SDKs see them. */
function codeOfStatus(status: number): FailureCode {
  if (status === 401 || status === 403) return 'MODEL_AUTH_FAILED';
  if (status === 429) return 'MODEL_RATE_LIMITED';
  return status >= 500 || [408, 409, 425].includes(status) ? 'MODEL_UNAVAILABLE' : 'MODEL_REJECTED';
}

/**
 * Errors that come after a good status, within the stream; anything else there is a broken connection or a cut reply.
 */
const streamErrors: readonly { readonly pattern: RegExp; readonly code: FailureCode }[] = [
  { pattern: /no api key|not configured/i, code: 'MODEL_KEY_MISSING' },
  { pattern: /authentication_error|permission_error|invalid_api_key/i, code: 'MODEL_AUTH_FAILED' },
  { pattern: /rate_limit|rate limit|too many requests|insufficient_quota/i, code: 'MODEL_RATE_LIMITED' },
  { pattern: /overloaded|server_error|api_error/i, code: 'MODEL_UNAVAILABLE' },
  // Not a bare "refused": a refused connection is an outage, a refused request is not.
  {
    pattern: /invalid_request_error|not_found_error|invalid_prompt|model refused|content.?(policy|filter)/i,
    code: 'MODEL_REJECTED',
  },
];

/** A status at the beginning of the text, where pi-ai puts it: `401 {…}` or `OpenAI API error (429): …`. */
function statusIn(text: string): number | null {
  const found = /^(?:[\w .-]*\()?([45]\d\d)\b/.exec(text)?.[1];
  return found === undefined ? null : Number(found);
}

function messageOf(text: string, { stalledMs, networkCode, status }: HttpFacts): string {
  if (stalledMs !== null) return `The model sent nothing for ${stalledMs} ms.`;
  if (networkCode === REFUSED) return 'The model is at an address that this server may not connect to.';
  const secretless = text.replaceAll(/\bsk-[\w-]{8,}/g, '[key]').replaceAll(/\s+/g, ' ');
  const short = secretless.length > MESSAGE_CHARS ? `${secretless.slice(0, MESSAGE_CHARS)}…` : secretless;
  if (networkCode !== null && status === null)
    return `The model's endpoint cannot be reached (${networkCode}): ${short}`;
  return `The model's provider failed: ${short}`;
}
