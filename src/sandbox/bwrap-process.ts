import { spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { PassThrough, type Duplex, type Readable, type Writable } from 'node:stream';
import { HoldfastError } from '../domain/failure.ts';
import type { Cgroup } from './cgroup.ts';
import { DiskWatch } from './disk-watch.ts';
import { childrenOf, residentBytes, untilGone } from './process-tree.ts';
import type { EndReason, SandboxLimits, SandboxProcess, SandboxResult } from './sandbox.ts';

const WATCH_MS = 200;
const FORCE_MS = 2000;

/** Descriptors of bubblewrap and of the first process inside. */
export const descriptors = { status: 3, gate: 4, seccomp: 5, arguments: 6, git: 7, node: 8 } as const;

/** A bubblewrap that is to be started. */
export interface Launch {
  readonly bwrap: string;
  /** Options of bubblewrap; they travel through a pipe, for commands can read /proc/1/cmdline. */
  readonly options: readonly string[];
  readonly argv: readonly string[];
  /** Open files of the server that become {@link descriptors} of bubblewrap. */
  readonly seccomp: number | null;
  readonly git: number | null;
  readonly node: number | null;
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  readonly limits: SandboxLimits;
  /** A path on the file system whose free space is watched. */
  readonly workspace: string;
  readonly stdin: string | Uint8Array | undefined;
  readonly signal: AbortSignal | undefined;
  readonly cgroup: Cgroup | undefined;
}

/** One command in bubblewrap, from launch to the death of its last process. */
export class BwrapProcess implements SandboxProcess {
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly result: Promise<SandboxResult>;
  readonly #launch: Launch;
  readonly #child: ChildProcess;
  readonly #disk: DiskWatch;
  readonly #started = performance.now();
  #initPid: number | undefined;
  #atGate = false;
  #looking = false;
  #status = '';
  #complaint = '';
  #reason: EndReason = 'exit';
  #killed = false;
  #bytes = 0;
  #setupError: unknown;

  constructor(launch: Launch) {
    this.#launch = launch;
    this.#disk = new DiskWatch(launch.workspace, launch.limits);
    this.#child = this.#spawn();
    this.result = this.#run();
    this.result.catch(() => undefined); // Whoever needs the result awaits it; nobody else is to be ended by it.
  }

  kill(reason: EndReason = 'aborted'): void {
    if (this.#killed || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#killed = true;
    this.#reason = reason;
    // Before the init of the namespace is known nothing runs yet: it waits at the gate and is killed when bubblewrap reports it.
    // The kernel kills every member of the namespace before its init can be reaped, so bubblewrap is the last one to go.
    if (this.#initPid !== undefined) signalQuietly(this.#initPid);
    this.#launch.cgroup?.kill();
    setTimeout(() => {
      if (this.#child.exitCode === null && this.#child.signalCode === null) signalQuietly(-(this.#child.pid ?? 0));
    }, FORCE_MS).unref();
  }

  #spawn(): ChildProcess {
    const { bwrap, argv, seccomp, git, node, user, stdin } = this.#launch;
    const stdio = [
      stdin === undefined ? 'ignore' : 'pipe',
      'pipe',
      'pipe',
      'pipe',
      'pipe',
      seccomp ?? 'ignore',
      'pipe',
      git ?? 'ignore',
      node ?? 'ignore',
    ] as const;
    const args = ['--args', String(descriptors.arguments), '--', ...argv];
    return spawn(bwrap, args, { cwd: '/', env: {}, stdio: [...stdio], detached: true, ...user });
  }

  async #run(): Promise<SandboxResult> {
    const { limits, signal, options, stdin } = this.#launch;
    const closed = this.#closed();
    this.#feed(descriptors.arguments, `${options.join('\0')}\0`);
    if (stdin !== undefined) this.#feed(0, stdin);
    this.#followStatus();
    this.#followGate();
    this.#forward(this.#child.stdout, this.stdout);
    this.#forward(this.#child.stderr, this.stderr);
    const timer = setTimeout(() => this.kill('timeout'), limits.wallMs);
    const watch = setInterval(() => void this.#watch(), WATCH_MS);
    const abort = (): void => this.kill('aborted');
    if (signal?.aborted) queueMicrotask(abort);
    else signal?.addEventListener('abort', abort, { once: true });
    try {
      return await this.#outcome(await closed);
    } finally {
      clearTimeout(timer);
      clearInterval(watch);
      signal?.removeEventListener('abort', abort);
      this.#launch.cgroup?.remove();
    }
  }

  #closed(): Promise<{ code: number | null; signal: string | null }> {
    return new Promise((resolve, reject) => {
      this.#child.once('error', (cause) => {
        this.stdout.end();
        this.stderr.end();
        reject(
          new HoldfastError('SANDBOX_UNAVAILABLE', `bubblewrap could not be started: ${cause.message}`, { cause }),
        );
      });
      this.#child.once('close', (code, signal) => resolve({ code, signal }));
    });
  }

  async #outcome({ code, signal }: { code: number | null; signal: string | null }): Promise<SandboxResult> {
    if (this.#initPid !== undefined) await untilGone(this.#initPid); // After a normal exit, init dies a moment after bubblewrap.
    if (this.#reason === 'exit' && this.#launch.cgroup?.outOfMemory()) this.#reason = 'memory_limit';
    if (this.#setupError !== undefined) {
      throw new HoldfastError('SANDBOX_UNAVAILABLE', 'The command could not be put into its cgroup.', {
        cause: this.#setupError,
      });
    }
    // bubblewrap's own failure is exit code 1, like a failing command's; only a command that really started has an exit code in its status.
    if (!this.#killed && !this.#status.includes('"exit-code"')) {
      const why = `code ${code}, signal ${signal}: ${this.#complaint.trim()}`;
      throw new HoldfastError('SANDBOX_UNAVAILABLE', `bubblewrap could not start the command (${why})`);
    }
    const wallMs = performance.now() - this.#started;
    return { exitCode: this.#killed ? null : code, reason: this.#reason, wallMs, outputBytes: this.#bytes };
  }

  #feed(descriptor: number, data: string | Uint8Array): void {
    const stream = this.#child.stdio[descriptor] as Writable;
    stream.on('error', () => undefined); // The reader may be dead; its exit says what happened.
    stream.end(data);
  }

  #followStatus(): void {
    (this.#child.stdio[descriptors.status] as Readable).on('data', (chunk: Buffer) => {
      this.#status += chunk.toString();
      const end = this.#status.indexOf('}');
      if (this.#initPid !== undefined || end < 0) return;
      this.#initPid = (JSON.parse(this.#status.slice(0, end + 1)) as { 'child-pid': number })['child-pid'];
      this.#openGate();
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      if (!this.#status.includes('"exit-code"'))
        this.#complaint = (this.#complaint + chunk.toString('latin1')).slice(-500);
    });
  }

  /**
   * `--die-with-parent` takes effect only at the end of bubblewrap's set-up: a server killed before would leave an orphan that runs
   * the command. So the first process inside reports at this gate and waits for an answer; end of file means the server is gone.
   */
  #followGate(): void {
    const gate = this.#child.stdio[descriptors.gate] as Duplex;
    gate.on('error', () => undefined);
    gate.once('data', () => {
      this.#atGate = true;
      this.#openGate();
    });
  }

  #openGate(): void {
    if (this.#initPid === undefined) return;
    if (this.#killed) return signalQuietly(this.#initPid);
    if (!this.#atGate) return;
    const members = [this.#initPid, ...childrenOf(this.#initPid)];
    try {
      for (const pid of members) this.#launch.cgroup?.add(pid);
    } catch (error) {
      this.#setupError = error;
      return this.kill('aborted');
    }
    for (const pid of members) preferInOutOfMemory(pid);
    (this.#child.stdio[descriptors.gate] as Duplex).end('go\n');
  }

  #forward(from: Readable | null, to: PassThrough): void {
    from?.on('data', (chunk: Buffer) => {
      if (this.#reason === 'output_limit') return;
      const room = this.#launch.limits.outputBytes - this.#bytes;
      this.#bytes += chunk.length;
      if (chunk.length > room) {
        to.write(chunk.subarray(0, Math.max(0, room)));
        return this.kill('output_limit');
      }
      if (to.write(chunk)) return;
      from.pause();
      to.once('drain', () => from.resume());
    });
    from?.once('end', () => to.end());
    from?.once('error', () => to.end());
  }

  /** What no rlimit sees: memory of the whole tree, of memfd and tmpfs, and the disk. */
  async #watch(): Promise<void> {
    const { limits, cgroup } = this.#launch;
    if (this.#initPid === undefined) return;
    if (cgroup?.outOfMemory()) return this.kill('memory_limit');
    const short = process.availableMemory() < limits.minFreeMemoryBytes;
    if (cgroup === undefined && (short || residentBytes(this.#initPid) > limits.memoryBytes))
      return this.kill('memory_limit');
    if (this.#looking) return; // A large workspace takes its time.
    this.#looking = true;
    if (await this.#disk.isOver()) this.kill('disk_limit');
    this.#looking = false;
  }
}

function signalQuietly(pid: number): void {
  try {
    if (pid !== 0) process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

/** When the machine runs out of memory, a command is to die and not the server. */
function preferInOutOfMemory(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, '900');
  } catch {
    // Only a preference.
  }
}
