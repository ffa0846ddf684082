import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { lchown, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HoldfastError } from '../domain/failure.ts';
import {
  environmentArguments,
  generatedEtc,
  namespaceArguments,
  readOnlyArguments,
  rootArguments,
  sessionArguments,
} from './bwrap-arguments.ts';
import { BwrapProcess, descriptors } from './bwrap-process.ts';
import { relayed, relayEnvironment, relayMounts } from './egress-relay.ts';
import { detectCgroups, type Cgroups } from './cgroup.ts';
import { defaultLimits, rlimitArguments } from './limits.ts';
import { isMountedSomewhere } from './mounts.ts';
import { inheritableDescriptors } from './process-tree.ts';
import {
  WORKSPACE_MOUNT,
  type Sandbox,
  type SandboxLimits,
  type SandboxProcess,
  type SandboxSpec,
  type SpawnOptions,
} from './sandbox.ts';
import { seccompProgram } from './seccomp.ts';
import { GATE, SANDBOX_DIRECTORY, sweepStrays } from './strays.ts';

const O_PATH = 0o10000000; // The same on every architecture that Node supports on Linux.
const MAX_ARGUMENT_BYTES = 127 * 1024; // The kernel's limit for one argument is 128 KiB.

/** How bubblewrap is run. */
export interface BwrapOptions {
  readonly bwrap?: string;
  /** The ordinary user to run as; required when the server is root, for RLIMIT_NPROC does not bind root. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  /** Directories that every command may read at the same path, and whose programs come before those of the system. */
  readonly toolchains?: readonly string[];
}

/** The sandbox: one bubblewrap per command, with an allow-list of files, no network, no privileges, and limits. */
export class BwrapSandbox implements Sandbox {
  readonly kind = 'bwrap';
  readonly enforcement: Readonly<Record<string, string>>;
  readonly #bwrap: string;
  readonly #user: BwrapOptions['user'];
  readonly #cgroups: Cgroups | undefined = detectCgroups();
  readonly #directory: string;
  readonly #seccompFile: string | null;
  readonly #root: readonly string[];
  readonly #toolchains: readonly string[];

  private constructor(bwrap: string, user: BwrapOptions['user'], toolchains: readonly string[]) {
    this.#bwrap = bwrap;
    this.#user = user;
    this.#toolchains = toolchains;
    this.#directory = mkdtempSync(join(tmpdir(), `${SANDBOX_DIRECTORY}${process.pid}-`));
    chmodSync(this.#directory, 0o755);
    for (const [name, text] of Object.entries(generatedEtc))
      writeFileSync(join(this.#directory, name), text, { mode: 0o444 });
    this.#seccompFile = this.#writeSeccomp();
    this.#root = rootArguments(this.#directory);
    this.enforcement = {
      filesystem: 'allow-list of mounts (bubblewrap)',
      network: 'own network namespace; nothing in it, or a relay to the egress proxy',
      processes: 'own pid namespace, SIGKILL to its init',
      seccomp: this.#seccompFile === null ? 'none on this architecture' : 'deny list',
      memory: this.#cgroups === undefined ? 'RLIMIT_DATA per process and a watchdog on the tree' : 'cgroup v2',
      pids: this.#cgroups === undefined ? 'RLIMIT_NPROC in the user namespace' : 'cgroup v2',
    };
  }

  /**
   * Makes the sandbox and tries it.
   * @throws HoldfastError SANDBOX_UNAVAILABLE with the reason and the remedy: without walls nothing is started.
   */
  static create({ bwrap = '/usr/bin/bwrap', user, toolchains = [] }: BwrapOptions = {}): BwrapSandbox {
    if (!existsSync(bwrap)) throw unavailable(`${bwrap} is not there.`, 'Install the package bubblewrap.');
    if ((statSync(bwrap).mode & 0o4000) !== 0)
      throw unavailable(`${bwrap} is setuid and cannot disable user namespaces.`, 'Remove its setuid bit.');
    if (process.geteuid?.() === 0 && user === undefined) {
      throw unavailable(
        'The sandbox must not run as root.',
        'Name an ordinary user by SANDBOX_UID and SANDBOX_GID, or start the server as one.',
      );
    }
    const sandbox = new BwrapSandbox(bwrap, user, toolchains);
    const args = [
      ...namespaceArguments,
      ...sandbox.#root,
      '--tmpfs',
      '/tmp',
      ...readOnlyArguments(toolchains),
      '--remount-ro',
      '/dev',
      '--remount-ro',
      '/',
    ];
    const probe = spawnSync(bwrap, [...args, '--', '/usr/bin/prlimit', '--nproc=64', '/bin/true'], {
      encoding: 'utf8',
      env: {},
      cwd: '/',
      ...user,
    });
    sweepStrays();
    sandbox.#cgroups?.sweep();
    if (probe.status === 0) return sandbox;
    sandbox.dispose();
    const why = (probe.stderr || String(probe.error)).trim();
    throw unavailable(
      `bubblewrap cannot start here: ${why}`,
      'Allow user namespaces for this process (containers: see docker-compose.yml; Ubuntu 23.10 and later: an AppArmor profile with userns). ' +
        'SANDBOX=off is only for a machine that is thrown away.',
    );
  }

  workspacePath(): string {
    return WORKSPACE_MOUNT;
  }

  async adopt(directory: string): Promise<void> {
    if (this.#user === undefined) return;
    const { uid, gid } = this.#user;
    await lchown(directory, uid, gid);
    const entries = await readdir(directory, { withFileTypes: true });
    for (const entry of entries) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) await this.adopt(path);
      else await lchown(path, uid, gid);
    }
  }

  isInUse(directory: string): boolean {
    return isMountedSomewhere(directory);
  }

  spawn(argv: readonly string[], spec: SandboxSpec, options: SpawnOptions = {}): SandboxProcess {
    for (const argument of argv) {
      if (Buffer.byteLength(argument) <= MAX_ARGUMENT_BYTES) continue;
      throw new HoldfastError(
        'INVALID_REQUEST',
        'An argument of the command is longer than 127 KiB; write it to a file first.',
      );
    }
    const limits: SandboxLimits = { ...defaultLimits, ...spec.limits, ...options.limits };
    const git = spec.gitDir === 'owned' ? null : openGit(spec.workspace);
    const seccomp = this.#seccompFile === null ? null : openSync(this.#seccompFile, 'r');
    const node = spec.egress === undefined ? null : openSync(process.execPath, O_PATH);
    try {
      return new BwrapProcess({
        bwrap: this.#bwrap,
        options: this.#options(spec, limits, options, git !== null),
        argv: gated([...rlimitArguments(limits), ...(spec.egress === undefined ? argv : relayed(argv))]),
        seccomp,
        git,
        node,
        user: this.#user,
        limits,
        workspace: spec.workspace,
        stdin: options.stdin,
        signal: options.signal,
        cgroup: this.#cgroups?.make(limits),
      });
    } finally {
      for (const opened of [git, seccomp, node]) if (opened !== null) closeSync(opened);
    }
  }

  dispose(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #options(spec: SandboxSpec, limits: SandboxLimits, { cwd, env }: SpawnOptions, hasGit: boolean): string[] {
    return [
      ...namespaceArguments,
      ...this.#root,
      ...sessionArguments(spec, limits, { git: hasGit ? descriptors.git : null, toolchains: this.#toolchains }),
      ...(spec.egress === undefined ? [] : relayMounts(spec.egress.socketPath, descriptors.node)),
      ...environmentArguments({ ...(spec.egress !== undefined && relayEnvironment), ...env }, this.#toolchains),
      '--chdir',
      cwd ?? WORKSPACE_MOUNT,
      '--json-status-fd',
      String(descriptors.status),
      ...(this.#seccompFile === null ? [] : ['--seccomp', String(descriptors.seccomp)]),
      // Both are in memory and without a limit of size.
      '--remount-ro',
      '/dev',
      '--remount-ro',
      '/',
    ];
  }

  #writeSeccomp(): string | null {
    const program = seccompProgram();
    if (program === undefined) return null;
    const file = join(this.#directory, 'seccomp.bpf');
    writeFileSync(file, program, { mode: 0o444 });
    return file;
  }
}

/**
 * Opens the workspace's own `.git`, if there is one. It is the only mount source that a command could have replaced by a link,
 * so it is opened without following links, and what was opened is what is mounted.
 */
function openGit(workspace: string): number | null {
  let opened: number;
  try {
    opened = openSync(join(workspace, '.git'), O_PATH | constants.O_NOFOLLOW);
  } catch {
    return null;
  }
  if (!fstatSync(opened).isSymbolicLink()) return opened;
  closeSync(opened);
  throw new HoldfastError(
    'INVALID_REQUEST',
    'The .git of the workspace is a symbolic link; it is not mounted into the sandbox.',
  );
}

/** The first process inside waits at the gate (see BwrapProcess) and closes what the server leaked to it. */
function gated(argv: readonly string[]): string[] {
  const leaked = inheritableDescriptors();
  const close = leaked.map((descriptor) => ` ${descriptor}<&-`).join('');
  const { gate } = descriptors;
  const script = `echo ready >&${gate}; read -r _ <&${gate} || exit 125; exec ${gate}<&-${close}; exec "$@"`;
  // dash knows only one-digit descriptors in redirections.
  return [leaked.length > 0 ? '/bin/bash' : '/bin/sh', '-c', script, GATE, ...argv];
}

function unavailable(message: string, remedy: string): HoldfastError {
  return new HoldfastError('SANDBOX_UNAVAILABLE', message, { remedy });
}
