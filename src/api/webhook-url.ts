import { HoldfastError } from '../domain/failure.ts';
import { isPrivateAddress } from '../domain/network-address.ts';

/**
 * Checks where a webhook is to go: https anywhere but to private addresses, which must be allowed; http on loopback only, and only
 * where private targets are allowed. A name is checked again by its address when it is dialled.
 * @throws HoldfastError INVALID_WEBHOOK_URL, without the URL: it may carry credentials.
 */
export function checkWebhookUrl(url: string, allowPrivate: boolean): void {
  const parsed = URL.parse(url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) throw refused('it is not an http(s) URL');
  if (parsed.username !== '' || parsed.password !== '') throw refused('it carries credentials');
  const host = parsed.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  const loopback = /^(.+\.)?localhost$|^127(\.\d+){3}$|^::1$/.test(host);
  if (parsed.protocol === 'http:' && !(loopback && allowPrivate)) {
    throw refused('http is only for loopback, where that is allowed');
  }
  if (!allowPrivate && (loopback || isPrivateAddress(host))) throw refused('private addresses are not allowed here');
}

function refused(why: string): HoldfastError {
  return new HoldfastError('INVALID_WEBHOOK_URL', `This cannot be the URL of a webhook: ${why}.`);
}
