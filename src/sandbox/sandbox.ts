import type { Readable } from 'node:stream';

/** Where every workspace is mounted inside bubblewrap: the same on each host, so prompts and transcripts stay byte-identical. */
export const WORKSPACE_MOUNT = '/workspace';

/** Why a sandboxed process tree ended. Everything except `exit` means that Holdfast killed it. */
export type EndReason = 'exit' | 'timeout' | 'aborted' | 'output_limit' | 'memory_limit' | 'disk_limit';

/** Limits of one command. All are always set: there is no unlimited command. */
export interface SandboxLimits {
  /** Wall clock in milliseconds; then SIGKILL to the whole tree. */
  readonly wallMs: number;
  /** Memory of the whole tree, in bytes (cgroup where delegated, else a watchdog on resident memory). */
  readonly memoryBytes: number;
  /** Private writable memory per process, in bytes (RLIMIT_DATA). */
  readonly processDataBytes: number;
  /** Processes and threads of the tree. */
  readonly pids: number;
  /** CPU seconds per process (RLIMIT_CPU). */
  readonly cpuSeconds: number;
  /** Largest file, in bytes (RLIMIT_FSIZE). */
  readonly fileBytes: number;
  readonly openFiles: number;
  /** Size of the private /tmp, in bytes. */
  readonly tmpBytes: number;
  /** Bytes of stdout and stderr that are forwarded before the tree is killed. */
  readonly outputBytes: number;
  /** The tree is killed when the workspace's file system has less than this free, in bytes. */
  readonly minFreeDiskBytes: number;
  /** The tree is killed when the workspace's file system can take fewer new files than this. */
  readonly minFreeInodes: number;
  /** The tree is killed when the workspace takes up more than this, in bytes. */
  readonly workspaceBytes: number;
  /** Without a cgroup: the tree is killed when the machine has less memory than this left, in bytes. */
  readonly minFreeMemoryBytes: number;
}

/** The walls of one session. */
export interface SandboxSpec {
  /** Host path of the work tree. Mounted at {@link WORKSPACE_MOUNT} (bubblewrap) or used in place (`SANDBOX=off`). */
  readonly workspace: string;
  readonly workspaceReadOnly?: boolean;
  /** Further host paths, mounted read-only at the same path (for example the server-owned git directory). */
  readonly readOnly?: readonly string[];
  /** Further host paths, mounted writable at the same path. */
  readonly readWrite?: readonly string[];
  /** What commands may do with the workspace's own `.git`: read it only (default), or own it. */
  readonly gitDir?: 'readonly' | 'owned';
  /** Existing paths inside to be covered with an empty directory or file. */
  readonly masks?: readonly { readonly path: string; readonly directory: boolean }[];
  /** The unix socket of an EgressProxy, the only way out; without one there is no network at all. `SANDBOX=off` has the machine's. */
  readonly egress?: { readonly socketPath: string };
  readonly limits?: Partial<SandboxLimits>;
}

/** What a session's commands have besides its files. */
export interface CommandAccess {
  /** Their way out, see {@link SandboxSpec}. */
  readonly egress?: SandboxSpec['egress'];
  /** What they were refused since it was last asked, in words for the model. */
  readonly takeRefusals?: () => readonly string[];
}

/** How one command is started. */
export interface SpawnOptions {
  /** Working directory as seen inside; default: the workspace. */
  readonly cwd?: string;
  /** The complete environment besides PATH, HOME, LANG, TERM and USER; nothing is inherited from the server. */
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly limits?: Partial<SandboxLimits>;
  /** Bytes for stdin; without it stdin is /dev/null. */
  readonly stdin?: string | Uint8Array;
}

/** How a command ended. */
export interface SandboxResult {
  /** Shell convention (128 + signal when a signal ended it); null when Holdfast killed the tree. */
  readonly exitCode: number | null;
  readonly reason: EndReason;
  readonly wallMs: number;
  readonly outputBytes: number;
}

/** A running command. */
export interface SandboxProcess {
  readonly stdout: Readable;
  readonly stderr: Readable;
  /**
   * Settles after every process of the tree is gone.
   * @throws HoldfastError SANDBOX_UNAVAILABLE only when the walls could not be built, never for a failing command.
   */
  readonly result: Promise<SandboxResult>;
  kill(reason?: EndReason): void;
}

/** Runs commands inside walls. */
export interface Sandbox {
  readonly kind: 'bwrap' | 'off';
  /** What is enforced here and by what; logged at start and shown in /healthz. */
  readonly enforcement: Readonly<Record<string, string>>;
  /** The path under which commands see the workspace of this spec. */
  workspacePath(spec: SandboxSpec): string;
  /** Makes a host directory usable as a workspace (owner, mode): call it once after creating the directory. */
  adopt(directory: string): Promise<void>;
  /** True while a command, of whatever server of this machine, may have the directory as its workspace. */
  isInUse(directory: string): boolean;
  spawn(argv: readonly string[], spec: SandboxSpec, options?: SpawnOptions): SandboxProcess;
  /** Removes what the sandbox itself keeps on the host. */
  dispose(): void;
}
