import { fork, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { HoldfastError } from './domain/failure.ts';
import { watchLife } from './life-signs.ts';
import type { Logger } from './logger.ts';
import { processStart } from './temporal/process-identity.ts';

const QUICK_DEATH_MS = 5000;
const MAX_RESTART_DELAY_MS = 10_000;

/** A process that is to be kept running. */
export interface Member {
  readonly name: string;
  /** The script that is the process. */
  readonly script: string;
}

/**
 * Keeps child processes running: one that dies, however it dies, is started again; one that dies at once, after a growing delay.
 * One that hangs is killed: whatever it held goes on elsewhere, as after any other death.
 * The children notice the death of their supervisor (their channel closes) and end themselves.
 */
export class Supervisor {
  readonly #logger: Logger;
  readonly #pidFile: string | null;
  readonly #env: NodeJS.ProcessEnv;
  readonly #hangMs: number;
  readonly #children = new Map<string, ChildProcess>();
  #stopping = false;

  constructor(options: {
    readonly logger: Logger;
    /** Kept up to date with `{ name: pid }` of the supervisor and its children; null for no such file. */
    readonly pidFile: string | null;
    readonly env: NodeJS.ProcessEnv;
    /** A child that does not answer for so long, in milliseconds, hangs. */
    readonly hangMs: number;
  }) {
    this.#logger = options.logger;
    this.#pidFile = options.pidFile;
    this.#env = options.env;
    this.#hangMs = options.hangMs;
  }

  /**
   * Starts a member and resolves when it says that it is ready. One that ends by itself before it was ever ready will not do better
   * the next time: that is thrown.
   */
  start(member: Member): Promise<void> {
    return new Promise((resolve, reject) => this.#spawn(member, 0, { ready: resolve, failed: reject }));
  }

  /** Sends SIGTERM to all children, which drain, and resolves when the last one is gone. After `graceMs` they are killed. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    const ends = [...this.#children.values()].map((child) => this.#end(child, graceMs));
    await Promise.all(ends);
    if (this.#pidFile !== null) rmSync(this.#pidFile, { force: true });
  }

  #spawn(member: Member, restarts: number, first: FirstStart | null): void {
    const startedAt = performance.now();
    // A group of its own: Ctrl-C in the terminal reaches only the supervisor, which then drains in order.
    const child = fork(member.script, {
      env: this.#env,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached: true,
    });
    this.#children.set(member.name, child);
    this.#writePids();
    watchLife(child, this.#hangMs, () => {
      this.#logger.error({ process: member.name, hangMs: this.#hangMs }, 'process does not answer; killing it');
      child.kill('SIGKILL');
    });
    let waiting = first;
    child.on('message', (message) => {
      if (message !== 'ready') return;
      waiting?.ready();
      waiting = null;
    });
    child.once('exit', (code, signal) => {
      this.#children.delete(member.name);
      if (this.#stopping) return;
      if (waiting !== null && code !== null) return waiting.failed(new Error(`${member.name} ended with code ${code}`));
      const quick = performance.now() - startedAt < QUICK_DEATH_MS;
      const delayMs = quick ? Math.min(200 * 2 ** restarts, MAX_RESTART_DELAY_MS) : 0;
      this.#logger.warn({ process: member.name, code, signal, delayMs }, 'process ended; starting it again');
      setTimeout(() => {
        if (!this.#stopping) this.#spawn(member, quick ? restarts + 1 : 0, waiting);
      }, delayMs);
    });
  }

  async #end(child: ChildProcess, graceMs: number): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await gone;
    clearTimeout(timer);
  }

  #writePids(): void {
    if (this.#pidFile === null) return;
    const pids = Object.fromEntries([...this.#children].map(([name, { pid }]) => [name, pid]));
    mkdirSync(dirname(this.#pidFile), { recursive: true });
    const temporary = `${this.#pidFile}.tmp`;
    writeFileSync(temporary, JSON.stringify({ main: process.pid, mainStart: processStart(process.pid), ...pids }));
    renameSync(temporary, this.#pidFile);
  }
}

/** Who waits for the first time that a member is ready. */
interface FirstStart {
  readonly ready: () => void;
  readonly failed: (error: Error) => void;
}

/**
 * Checks that no other supervisor runs on the same data: two would end each other's Temporal.
 * @throws HoldfastError INVALID_REQUEST
 */
export function assertAlone(pidFile: string): void {
  if (!existsSync(pidFile)) return;
  const { main, mainStart } = JSON.parse(readFileSync(pidFile, 'utf8')) as { main: number; mainStart: string };
  if (processStart(main) !== mainStart) return; // Killed; what it left is taken over.
  throw new HoldfastError('INVALID_REQUEST', `Holdfast runs on this data directory already (process ${main}).`, {
    remedy: 'Stop it first, or choose another DATA_DIR and PORT.',
  });
}

/** For a child of a {@link Supervisor}: says that it is ready, and ends when the supervisor is gone. */
export function reportReady(onOrphaned: () => void): void {
  if (process.send === undefined) return; // Started by hand or by a container: nobody waits.
  process.send('ready');
  process.once('disconnect', onOrphaned);
}
