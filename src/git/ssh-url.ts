/** What may follow an SSH host: everything but what a shell, a terminal or an option parser could take for more than a path. */
const user = '[A-Za-z0-9_][A-Za-z0-9._-]*';
const host = String.raw`[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]`;
const path = String.raw`[^\s\p{Cc}\\'"${'`'}$;&|<>*?#!]+`;
const url = new RegExp(`^ssh://(${user})@(${host})(?::([1-9][0-9]{0,4}))?(/(?!-)${path})$`, 'u');
const scp = new RegExp(`^(${user})@(${host}):(?!-|//)(${path})$`, 'u');

/**
 * An SSH repository URL in the form in which git gets it, or null when it is none that we take: `ssh://user@host[:port]/path`, or
 * `user@host:path`, which stays as it is, for its path is relative to the home directory of the user (git-clone(1), GIT URLS).
 */
export function normalSshUrl(text: string): string | null {
  const [, name = '', machine = '', port, place = ''] = url.exec(text) ?? [];
  if (name !== '') {
    if (Number(port ?? 22) > 65_535) return null;
    return `ssh://${name}@${machine.toLowerCase()}${port === undefined ? '' : `:${port}`}${place}`;
  }
  const [, login = '', server = '', relative = ''] = scp.exec(text) ?? [];
  return login === '' ? null : `${login}@${server.toLowerCase()}:${relative}`;
}

/** Where a URL that {@link normalSshUrl} takes leads: the host without brackets, and the port. */
export function sshPlaceOf(text: string): { readonly host: string; readonly port: number } | null {
  const [, , machine, port = '22'] = url.exec(text) ?? [];
  const host = machine ?? scp.exec(text)?.[2];
  return host === undefined ? null : { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** True for a URL that {@link normalSshUrl} takes or would take: not http(s), no path. */
export function looksLikeSsh(text: string): boolean {
  return /^ssh:\/\//i.test(text) || /^[^/:]+@[^/]+:/.test(text);
}
