import type { Json } from './wire-format.ts';

/** The error body that both APIs of OpenAI share. */
export function openAIError(status: number, message: string): Json {
  return { error: { message, type: typeOf(status), param: null, code: codes[status] ?? null } };
}

const codes: Readonly<Record<number, string>> = {
  401: 'invalid_api_key',
  404: 'model_not_found',
  429: 'rate_limit_exceeded',
};

function typeOf(status: number): string {
  if (status === 429) return 'requests';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}
