import { HoldfastError } from '../domain/failure.ts';
import { checkSource } from './repository-url.ts';
import { looksLikeSsh } from './ssh-url.ts';

/** Where a session's source lies; local repositories of a source that is local itself must lie below the roots. */
export interface ModuleOrigin {
  /** Of the source that the task names. */
  readonly source: string;
  /** Of the repository whose .gitmodules names the submodule. */
  readonly parent: string;
  readonly allowedRoots: readonly string[];
}

/**
 * The URL of a submodule in its normal form, as it is fetched. A relative one is taken from its parent's (gitmodules(5)). One over SSH, on
 * the host that the source itself is read from by http(s), is read the same way: what opens the source opens it, too.
 * @throws HoldfastError INVALID_REPOSITORY_URL, PATH_NOT_ALLOWED
 */
export function submoduleUrl(url: string, { source, parent, allowedRoots }: ModuleOrigin): string {
  const absolute = isRelative(url) ? joined(parent, url) : url;
  const isLocal = absolute.startsWith('/') || /^file:/i.test(absolute);
  if (isLocal && !source.startsWith('/'))
    throw refused(url, 'a repository from elsewhere cannot name files of this machine');
  const checked = checkSource({ kind: 'repository', url: absolute }, { allowedRoots });
  const normal = checked.kind === 'repository' ? checked.url : absolute;
  if (!looksLikeSsh(normal)) return normal;
  const there = sshParts(normal);
  if (/^https?:/.test(source) && there.host === new URL(source).hostname)
    return checkedHref(new URL(there.path, new URL(source).origin));
  if (!looksLikeSsh(source) || sshParts(source).login !== there.login)
    throw refused(url, 'over SSH only the host of the source itself is open: no key is there for another one');
  return normal;
}

/**
 * True when what opens the source may be shown to whoever serves the URL: the same origin over http(s), the same user and host over SSH.
 */
export function sharesCredentials(source: string, url: string): boolean {
  if (/^https?:/.test(source) && /^https?:/.test(url)) return new URL(source).origin === new URL(url).origin;
  return looksLikeSsh(source) && looksLikeSsh(url) && sshParts(source).login === sshParts(url).login;
}

function isRelative(url: string): boolean {
  return /^\.\.?(\/|$)/.test(url);
}

/** Each leading `../` takes a part of the parent's path away; more of them than there are parts lead to no repository. */
function joined(parent: string, url: string): string {
  const [, head = '', path = ''] = /^([a-z]+:\/\/[^/]+|[^/:]+@[^/:]+:|)(.*)$/s.exec(parent) ?? [];
  const parts = path.replace(/\/+$/, '').split('/');
  const rest = url.split('/');
  for (; rest[0] === '.' || rest[0] === '..'; rest.shift()) {
    if (rest[0] === '.') continue;
    if (parts.length < 1 || (parts.length === 1 && parts[0] === '')) throw refused(url, 'it leads above its host');
    parts.pop();
  }
  if (rest.includes('..')) throw refused(url, 'it leads up again after its beginning');
  const isRooted = path.startsWith('/');
  const tail = [...parts.filter(Boolean), ...rest.filter(Boolean)].join('/');
  return `${head}${isRooted ? '/' : ''}${tail}`;
}

/** Of a URL in the normal form of normalSshUrl: `user@host[:port]`, the host alone, and the path from the root of the host. */
function sshParts(url: string): { readonly login: string; readonly host: string; readonly path: string } {
  const [, login = '', path = ''] =
    /^(?:ssh:\/\/)?([^/]+?@(?:\[[^\]]*\]|[^/:]+)(?::\d+(?=\/))?)(?::|(?=\/))(.*)$/s.exec(url) ?? [];
  const plain = login.replace(/:22$/, '');
  return {
    login: plain,
    host: plain.replace(/^[^@]*@/, '').replace(/:\d+$/, ''),
    path: `/${path.replace(/^\/+/, '')}`,
  };
}

function checkedHref({ href }: URL): string {
  const checked = checkSource({ kind: 'repository', url: href }, { allowedRoots: [] });
  return checked.kind === 'repository' ? checked.url : href;
}

function refused(url: string, why: string): HoldfastError {
  return new HoldfastError('INVALID_REPOSITORY_URL', `${url} cannot be the URL of this submodule: ${why}.`);
}
