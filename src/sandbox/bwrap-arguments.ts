import { existsSync, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { SandboxLimits, SandboxSpec } from './sandbox.ts';
import { WORKSPACE_MOUNT } from './sandbox.ts';
import { withToolchains } from './toolchain-programs.ts';

/** Inside, commands run as this user; it is mapped to the ordinary user that bubblewrap itself runs as. */
const UID = '1000';

const SYSTEM_PATH = '/usr/local/bin:/usr/bin:/bin:/usr/local/go/bin'; // The last is where Go's own archive is unpacked.

/**
 * Namespaces and privileges. As root the usual `--unshare-all` would leave a full capability set inside, so: a user namespace
 * without further ones, no capabilities, no terminal, and death with the parent.
 */
export const namespaceArguments = [
  ['--unshare-user', '--unshare-pid', '--unshare-net', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try'],
  ['--uid', UID, '--gid', UID, '--disable-userns', '--cap-drop', 'ALL', '--die-with-parent', '--new-session'],
].flat();

/** The files of /etc that commands may read; everything else in /etc does not exist inside. */
const etc = [
  [
    'ld.so.cache',
    'ld.so.conf',
    'ld.so.conf.d',
    'alternatives',
    'ssl/certs',
    'ssl/openssl.cnf',
    'ca-certificates.conf',
    'localtime',
  ],
  [
    'timezone',
    'nsswitch.conf',
    'mime.types',
    'services',
    'protocols',
    'debian_version',
    'os-release',
    'bash.bashrc',
    'profile',
  ],
  ['inputrc', 'login.defs', 'gitattributes'],
].flat();

/** What Debian and its kin keep in /etc of a Java or a Python of /usr, which does not work without it. */
const versionedEtc = /^(java-\d+-openjdk|python3(\.\d+)?)$/;

const passwd = `root:x:0:0:root:/nonexistent:/usr/sbin/nologin
agent:x:${UID}:${UID}:agent:/home/agent:/bin/bash
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
`;

/** Files of /etc that are made up: the host's own would tell who lives there. */
export const generatedEtc: Readonly<Record<string, string>> = {
  passwd,
  group: `root:x:0:\nagent:x:${UID}:\nnogroup:x:65534:\n`,
  hosts: '127.0.0.1 localhost\n::1 localhost\n',
};

/** The base of every sandbox: /usr and a few files of /etc read-only, fresh /proc and /dev. */
export function rootArguments(generatedDirectory: string): string[] {
  const args = ['--ro-bind', '/usr', '/usr'];
  for (const directory of ['/bin', '/sbin', '/lib', '/lib64', '/lib32', '/libx32']) {
    if (!existsSync(directory)) continue;
    const merged = lstatSync(directory).isSymbolicLink();
    args.push(...(merged ? ['--symlink', readlinkSync(directory), directory] : ['--ro-bind', directory, directory]));
  }
  for (const name of Object.keys(generatedEtc)) args.push('--ro-bind', join(generatedDirectory, name), `/etc/${name}`);
  const versioned = readdirSync('/etc').filter((name) => versionedEtc.test(name));
  for (const name of [...etc, ...versioned])
    if (existsSync(`/etc/${name}`)) args.push('--ro-bind', `/etc/${name}`, `/etc/${name}`);
  return [...args, '--proc', '/proc', '--dev', '/dev'];
}

/** Directories of the host at the same path, read-only. */
export function readOnlyArguments(directories: readonly string[]): string[] {
  return directories.flatMap((path) => ['--ro-bind', path, path]);
}

/** Everything that depends on the session and the command. `git` is the descriptor of the workspace's own `.git`, to be mounted read-only. */
export function sessionArguments(
  spec: SandboxSpec,
  limits: SandboxLimits,
  { git, toolchains }: { readonly git: number | null; readonly toolchains: readonly string[] },
): string[] {
  const size = ['--size', String(limits.tmpBytes)];
  const temporary = ['/tmp', '/dev/shm', '/home/agent'].flatMap((path) => [...size, '--tmpfs', path]);
  // A toolchain may lie below one of the temporary directories, and never covers what the session itself has.
  const readOnly = readOnlyArguments([...toolchains, ...(spec.readOnly ?? [])]);
  const readWrite = (spec.readWrite ?? []).flatMap((path) => ['--bind', path, path]);
  const workspace = [spec.workspaceReadOnly === true ? '--ro-bind' : '--bind', spec.workspace, WORKSPACE_MOUNT];
  const masks = (spec.masks ?? []).flatMap(({ path, directory }) =>
    directory ? ['--tmpfs', path] : ['--ro-bind', '/dev/null', path],
  );
  const ownGit = git === null ? [] : ['--ro-bind-fd', String(git), `${WORKSPACE_MOUNT}/.git`];
  return [...temporary, ...readOnly, ...readWrite, ...workspace, ...masks, ...ownGit];
}

/** The environment inside: complete, nothing is inherited. */
export function environmentArguments(env: Readonly<Record<string, string>>, toolchains: readonly string[]): string[] {
  const all = {
    PATH: withToolchains(toolchains, SYSTEM_PATH),
    HOME: '/home/agent',
    LANG: 'C.UTF-8',
    TERM: 'dumb',
    USER: 'agent',
    ...env,
  };
  return ['--clearenv', ...Object.entries(all).flatMap(([name, value]) => ['--setenv', name, value])];
}
