import { HoldfastError } from '../domain/failure.ts';

/**
 * Checks where a webhook is to go: https anywhere, http on loopback where private targets are allowed. The address itself is checked
 * again when it is dialled.
 * @throws HoldfastError INVALID_WEBHOOK_URL
 */
export function checkWebhookUrl(url: string, allowPrivate: boolean): void {
  const parsed = URL.parse(url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) throw refused(url, 'it is not an http(s) URL');
  if (parsed.username !== '' || parsed.password !== '') throw refused(parsed.origin, 'it carries credentials');
  const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(parsed.hostname);
  if (parsed.protocol === 'http:' && !(loopback && allowPrivate))
    throw refused(url, 'http is only for loopback, where that is allowed');
  if (loopback && !allowPrivate) throw refused(url, 'loopback is not allowed here');
}

function refused(url: string, why: string): HoldfastError {
  return new HoldfastError('INVALID_WEBHOOK_URL', `${url} cannot be a webhook: ${why}.`);
}
