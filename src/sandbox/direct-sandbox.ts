import { spawn } from 'node:child_process';
import { PassThrough, type Readable } from 'node:stream';
import { HoldfastError } from '../domain/failure.ts';
import { defaultLimits } from './limits.ts';
import type { EndReason, Sandbox, SandboxProcess, SandboxResult, SandboxSpec, SpawnOptions } from './sandbox.ts';
import { withToolchains } from './toolchain-programs.ts';

/**
 * `SANDBOX=off`: no walls at all. For a server that runs in a disposable machine itself, and for development where there is no
 * bubblewrap. Time and output are limited, the process group is killed, and the environment is still complete and not inherited.
 */
export class DirectSandbox implements Sandbox {
  readonly kind = 'off';
  readonly enforcement = {
    filesystem: 'NONE',
    network: 'NONE',
    processes: 'process group only',
    memory: 'NONE',
    pids: 'NONE',
    seccomp: 'NONE',
  };
  readonly #toolchains: readonly string[];

  constructor(toolchains: readonly string[] = []) {
    this.#toolchains = toolchains;
  }

  workspacePath(spec: SandboxSpec): string {
    return spec.workspace;
  }

  async adopt(): Promise<void> {
    // Commands run as the server's own user.
  }

  isInUse(): boolean {
    return false; // Nobody could tell.
  }

  dispose(): void {
    // Nothing is kept.
  }

  spawn(argv: readonly string[], spec: SandboxSpec, options: SpawnOptions = {}): SandboxProcess {
    const limits = { ...defaultLimits, ...spec.limits, ...options.limits };
    const path = withToolchains(this.#toolchains, process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin');
    const env = { PATH: path, HOME: spec.workspace, LANG: 'C.UTF-8', TERM: 'dumb', ...options.env };
    const [command = '', ...args] = argv;
    const started = performance.now();
    const stdio = [options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] as const;
    const child = spawn(command, args, { cwd: options.cwd ?? spec.workspace, env, detached: true, stdio: [...stdio] });
    let reason: EndReason = 'exit';
    let bytes = 0;
    const kill = (why: EndReason = 'aborted'): void => {
      if (reason !== 'exit' || child.exitCode !== null) return;
      reason = why;
      killGroup(child.pid);
    };
    const forward = (from: Readable | null, to: PassThrough): PassThrough => {
      from?.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > limits.outputBytes) return kill('output_limit');
        to.write(chunk);
      });
      from?.once('end', () => to.end());
      return to;
    };
    const timer = setTimeout(() => kill('timeout'), limits.wallMs);
    const abort = (): void => kill('aborted');
    if (options.signal?.aborted) queueMicrotask(abort);
    options.signal?.addEventListener('abort', abort, { once: true });
    child.stdin?.on('error', () => undefined);
    if (options.stdin !== undefined) child.stdin?.end(options.stdin);
    const result = new Promise<SandboxResult>((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        options.signal?.removeEventListener('abort', abort);
      };
      child.once('error', (cause) => {
        settle();
        reject(
          new HoldfastError('SANDBOX_UNAVAILABLE', `The command could not be started: ${cause.message}`, { cause }),
        );
      });
      child.once('close', (code) => {
        settle();
        killGroup(child.pid); // What the command left behind in its group.
        resolve({
          exitCode: reason === 'exit' ? code : null,
          reason,
          wallMs: performance.now() - started,
          outputBytes: bytes,
        });
      });
    });
    result.catch(() => undefined);
    return {
      stdout: forward(child.stdout, new PassThrough()),
      stderr: forward(child.stderr, new PassThrough()),
      result,
      kill,
    };
  }
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}
