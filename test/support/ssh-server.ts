import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { openDirectory } from './open-directory.ts';

/** OpenSSH's own server on loopback, for git and nothing else; gone when the test is over. */
export interface SshServer {
  readonly port: number;
  readonly user: string;
  /** A private key that is let in, and one that is not. */
  readonly key: string;
  readonly strangersKey: string;
  /** Lines for known_hosts: the server's key, and another one under its name. */
  readonly knownHosts: string;
  readonly wrongKnownHosts: string;
  /** `ssh://…` of a directory. */
  urlOf(path: string): string;
}

/** @param gitCommand what stands between a client and git; default: nothing. */
export async function startSshServer({ readOnly = false }: { readonly readOnly?: boolean } = {}): Promise<SshServer> {
  const root = openDirectory();
  const { username: user } = userInfo();
  const key = (name: string): { file: string; secret: string; open: string } => {
    const file = join(root, name);
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file]);
    const [kind, open] = readFileSync(`${file}.pub`, 'utf8').split(' ');
    return { file, secret: readFileSync(file, 'utf8'), open: `${kind} ${open}` };
  };
  const [host, other, own, stranger] = ['host', 'other', 'own', 'stranger'].map(key) as [Key, Key, Key, Key];
  const port = await freePort();
  writeFileSync(join(root, 'authorized'), `${own.open}\n`);
  writeFileSync(join(root, 'command'), gitOnly(readOnly), { mode: 0o755 });
  writeFileSync(join(root, 'config'), sshdConfig({ port, user, root, hostKey: host.file }));
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
  const server = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', join(root, 'config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const said: Buffer[] = [];
  server.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  onTestFinished(async () => {
    if (server.exitCode !== null) return;
    server.kill();
    await new Promise((resolve) => server.once('exit', resolve));
  });
  while (!(await answers(port))) {
    if (server.exitCode !== null)
      throw new Error(`sshd ended with ${server.exitCode}: ${Buffer.concat(said).toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return {
    port,
    user,
    key: own.secret,
    strangersKey: stranger.secret,
    knownHosts: `[127.0.0.1]:${port} ${host.open}`,
    wrongKnownHosts: `[127.0.0.1]:${port} ${other.open}`,
    urlOf: (path) => `ssh://${user}@127.0.0.1:${port}${path}`,
  };
}

interface Key {
  readonly file: string;
  readonly secret: string;
  readonly open: string;
}

interface SshdFacts {
  readonly port: number;
  readonly user: string;
  readonly root: string;
  readonly hostKey: string;
}

/** sshd_config(5) */
function sshdConfig({ port, user, root, hostKey }: SshdFacts): string {
  return `ListenAddress 127.0.0.1
Port ${port}
HostKey ${hostKey}
PidFile none
AuthorizedKeysFile ${join(root, 'authorized')}
AllowUsers ${user}
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
AllowTcpForwarding no
X11Forwarding no
PermitTTY no
PrintMotd no
UseDNS no
MaxStartups 100:30:200
AcceptEnv GIT_PROTOCOL
ForceCommand ${join(root, 'command')}
`;
}

/** What a forge does: git, and a word about a key that may only read. */
function gitOnly(readOnly: boolean): string {
  return `#!/bin/sh
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
case "$SSH_ORIGINAL_COMMAND" in
  git-receive-pack*) ${readOnly ? 'echo "ERROR: The key you are authenticating with has been marked as read only." >&2; exit 1;' : ''} ;;
  git-upload-pack*) ;;
  *) echo 'git only' >&2; exit 128 ;;
esac
exec git-shell -c "$SSH_ORIGINAL_COMMAND"
`;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
