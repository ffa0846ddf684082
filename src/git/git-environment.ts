/** How far a git command may reach. */
export type Reach = 'nothing' | 'http' | 'ssh' | 'local';

const protocols: Readonly<Record<Reach, readonly string[]>> = {
  nothing: [],
  http: ['https', 'http'],
  ssh: ['ssh'],
  local: ['file'],
};

/** Everything of git's configuration that could run a program or lead elsewhere is named and switched off. */
const hardened: Readonly<Record<string, string>> = {
  'core.hooksPath': '/dev/null',
  'core.fsmonitor': 'false',
  'core.untrackedCache': 'false',
  'core.sshCommand': '/bin/false',
  'core.gitProxy': '/bin/false',
  'core.pager': 'cat',
  'core.editor': '/bin/false',
  'core.askPass': '/bin/false',
  'core.attributesFile': '/dev/null',
  'core.excludesFile': '/dev/null',
  'core.alternateRefsCommand': '/bin/false',
  'core.symlinks': 'true',
  'core.quotePath': 'false',
  'core.fsync': 'all',
  'credential.helper': '',
  'commit.gpgSign': 'false',
  'gpg.program': '/bin/false',
  'gc.auto': '0',
  'maintenance.auto': 'false',
  'http.followRedirects': 'false',
  'http.lowSpeedLimit': '1',
  'http.lowSpeedTime': '60',
  'submodule.recurse': 'false',
  'fetch.recurseSubmodules': 'false',
  'push.recurseSubmodules': 'no',
  'diff.ignoreSubmodules': 'all',
  'safe.directory': '*',
  'transfer.fsckObjects': 'true',
  // A pack is stored as a whole or not at all: loose objects of a fetch that was killed would look like a complete commit.
  'fetch.unpackLimit': '1',
  'protocol.allow': 'never',
};

/**
 * Flaws of old histories that many public repositories have for ever and that harm nobody: only how a person or a time is spelled,
 * and a padded file mode (git-fsck(1), fsck messages).
 */
const forgiven = [
  ['badDate', 'badDateOverflow', 'badEmail', 'badName', 'badTimezone', 'missingEmail', 'missingNameBeforeEmail'],
  ['missingSpaceBeforeDate', 'missingSpaceBeforeEmail', 'zeroPaddedDate', 'zeroPaddedFilemode'],
].flat();
const leniency = Object.fromEntries(forgiven.map((flaw) => [`fetch.fsck.${flaw}`, 'ignore']));

/**
 * The complete environment of a git process. Configuration travels here and not in arguments, so that no value (a token, say)
 * shows up in a process list.
 */
export function gitEnvironment(reach: Reach, config: Readonly<Record<string, string>> = {}): Record<string, string> {
  const allowed = Object.fromEntries(protocols[reach].map((protocol) => [`protocol.${protocol}.allow`, 'always']));
  const entries = Object.entries({ ...hardened, ...leniency, ...allowed, ...config });
  const numbered = entries.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: '/nonexistent',
    LC_ALL: 'C.UTF-8',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '/bin/false',
    GIT_SSH_COMMAND: '/bin/false',
    GIT_EDITOR: '/bin/false',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_ALLOW_PROTOCOL: protocols[reach].join(':') || 'none',
    GIT_CEILING_DIRECTORIES: '/',
    GIT_CONFIG_COUNT: String(entries.length),
    ...Object.fromEntries(numbered),
  };
}

/** The configuration that sends a token as a Basic header, to one origin only; git does not repeat it after a redirect. */
export function basicAuthentication(url: string, username: string, token: string): Record<string, string> {
  const encoded = Buffer.from(`${username}:${token}`).toString('base64');
  return { [`http.${new URL(url).origin}/.extraHeader`]: `Authorization: Basic ${encoded}` };
}
