import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates } from 'node:tls';
import type { GitCredentials } from '../domain/git-credentials.ts';

const PREFIX = 'holdfast-git-';

/**
 * What git and ssh can only read from files, for as long as one git command runs: a directory that only our user can enter, in memory
 * where the machine has such a place. What a killed process left is removed by the next command of whatever process.
 */
export class CredentialFiles implements Disposable {
  /** What git is told besides: no value holds a secret. */
  readonly config: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly #directory: string | null;

  private constructor(directory: string | null, config: Record<string, string>, env: Record<string, string>) {
    this.#directory = directory;
    this.config = config;
    this.env = env;
  }

  /**
   * Writes what the way to a repository needs, if anything.
   * @param proxyCommand how ssh is to connect (ssh_config(5)); default: by itself
   */
  static write(
    reach: 'http' | 'ssh' | 'local',
    { sshKey, knownHosts, ca }: GitCredentials = {},
    proxyCommand = 'none',
  ): CredentialFiles {
    const authorities = [...getCACertificates('extra'), ...(ca === undefined ? [] : [ca])];
    if (reach === 'local' || (reach === 'http' && authorities.length === 0)) return new CredentialFiles(null, {}, {});
    const root = placeOfFiles();
    sweepDirectories(root);
    const directory = mkdtempSync(join(root, `${PREFIX}${process.pid}-`));
    const put = (name: string, text: string): string => {
      const path = join(directory, name);
      writeFileSync(path, `${text.replaceAll('\r\n', '\n').trim()}\n`, { mode: 0o600 });
      return path;
    };
    if (reach === 'http') {
      // The file takes the place of what git trusts by itself.
      const sslCAInfo = put('ca.pem', [...authorities, ...getCACertificates('system')].join('\n'));
      return new CredentialFiles(directory, { 'http.sslCAInfo': sslCAInfo }, {});
    }
    const key = put('key', sshKey ?? '');
    const config = put('config', sshConfig({ key, knownHosts: put('known_hosts', knownHosts ?? ''), proxyCommand }));
    return new CredentialFiles(directory, {}, { GIT_SSH_COMMAND: `ssh -F '${config}'`, GIT_SSH_VARIANT: 'ssh' });
  }

  [Symbol.dispose](): void {
    if (this.#directory !== null) rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** ssh_config(5): this key, these host keys, and nothing of the machine's or of a person's. */
function sshConfig({ key, knownHosts, proxyCommand }: Readonly<Record<'key' | 'knownHosts' | 'proxyCommand', string>>) {
  return `IdentityFile "${key}"
UserKnownHostsFile "${knownHosts}"
GlobalKnownHostsFile /dev/null
StrictHostKeyChecking yes
UpdateHostKeys no
CheckHostIP no
IdentitiesOnly yes
IdentityAgent none
PreferredAuthentications publickey
BatchMode yes
ClearAllForwardings yes
ForwardAgent no
ControlMaster no
ControlPath none
PermitLocalCommand no
ProxyCommand ${proxyCommand}
ConnectTimeout 15
ServerAliveInterval 15
ServerAliveCountMax 3
LogLevel ERROR
`;
}

function placeOfFiles(): string {
  return existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
}

function sweepDirectories(root: string): void {
  for (const name of readdirSync(root)) {
    const [, pid] = new RegExp(`^${PREFIX}(\\d+)-`).exec(name) ?? [];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    try {
      rmSync(join(root, name), { recursive: true, force: true });
    } catch {
      // Another user's.
    }
  }
}
