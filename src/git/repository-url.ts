import { realpathSync, statSync } from 'node:fs';
import { isAbsolute, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HoldfastError } from '../domain/failure.ts';
import type { Source } from '../domain/task.ts';
import { looksLikeSsh, normalSshUrl } from './ssh-url.ts';

/**
 * Checks where code is to come from, and answers the source as it will be used: URLs in their normal form, local paths with every link
 * resolved.
 * @throws HoldfastError INVALID_REPOSITORY_URL, PATH_NOT_ALLOWED
 */
export function checkSource(source: Source, options: { readonly allowedRoots: readonly string[] }): Source {
  if (source.kind === 'directory') return { ...source, path: allowedPath(source.path, options.allowedRoots) };
  const { url } = source;
  if (/[\s\p{Cc}]/u.test(url) || url.startsWith('-'))
    throw invalid(url, 'it has a blank, a control character or a leading dash');
  if (url.startsWith('/')) return { ...source, url: allowedPath(url, options.allowedRoots) };
  if (url.startsWith('file://')) return { ...source, url: allowedPath(pathOfFileUrl(url), options.allowedRoots) };
  if (looksLikeSsh(url)) {
    const normal = normalSshUrl(url);
    if (normal !== null) return { ...source, url: normal };
    throw invalid(withoutUser(url), 'over SSH it is ssh://user@host/path or user@host:path, without a password');
  }
  // Without its two slashes git would read `http:x` as a path on the SSH host `http`.
  const parsed = /^https?:\/\/[^/]/i.test(url) ? URL.parse(url) : null;
  if (parsed === null) throw invalid(url, 'only http(s) and SSH URLs and absolute local paths are supported');
  if (parsed.username !== '' || parsed.password !== '') {
    throw invalid(
      `${parsed.protocol}//…@${parsed.host}${parsed.pathname}`,
      'credentials do not belong in a URL; use source.credentials',
    );
  }
  if (parsed.search !== '' || parsed.hash !== '')
    throw invalid(url, 'a query or a fragment is not part of a repository URL');
  // As it was parsed here, so that git's own parser cannot see another host in it.
  return { ...source, url: parsed.href };
}

function withoutUser(url: string): string {
  return url.replace(/^([a-z]+:\/\/)?[^/@]*@/i, '$1…@');
}

function pathOfFileUrl(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    throw invalid(url, 'it does not name a local path');
  }
}

function allowedPath(path: string, allowedRoots: readonly string[]): string {
  if (!isAbsolute(path)) throw invalid(path, 'a local path must be absolute');
  const real = resolveLinks(path);
  const allowed = allowedRoots.some((root) => {
    const realRoot = resolveLinks(root);
    return realRoot !== null && real !== null && (real === realRoot || real.startsWith(realRoot + sep));
  });
  // Whether a path outside the roots exists is not told.
  if (!allowed || real === null)
    throw new HoldfastError('PATH_NOT_ALLOWED', `${path} is not a directory below an allowed root.`);
  return real;
}

function resolveLinks(path: string): string | null {
  try {
    const real = realpathSync(path);
    return statSync(real).isDirectory() ? real : null;
  } catch {
    return null;
  }
}

function invalid(url: string, why: string): HoldfastError {
  return new HoldfastError('INVALID_REPOSITORY_URL', `${url} is not a repository URL: ${why}.`);
}
