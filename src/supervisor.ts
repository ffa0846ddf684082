import { fork, type ChildProcess } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Logger } from './logger.ts';

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
 * The children notice the death of their supervisor (their channel closes) and end themselves.
 */
export class Supervisor {
  readonly #logger: Logger;
  readonly #pidFile: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #children = new Map<string, ChildProcess>();
  #stopping = false;

  /** @param options.pidFile is kept up to date with `{ name: pid }` of the supervisor and its children. */
  constructor(options: { readonly logger: Logger; readonly pidFile: string; readonly env: NodeJS.ProcessEnv }) {
    this.#logger = options.logger;
    this.#pidFile = options.pidFile;
    this.#env = options.env;
  }

  /** Starts a member and resolves when it says that it is ready. */
  start(member: Member): Promise<void> {
    return new Promise((resolve) => this.#spawn(member, 0, resolve));
  }

  /** Sends SIGTERM to all children, which drain, and resolves when the last one is gone. After `graceMs` they are killed. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    const ends = [...this.#children.values()].map((child) => this.#end(child, graceMs));
    await Promise.all(ends);
    rmSync(this.#pidFile, { force: true });
  }

  #spawn(member: Member, restarts: number, onReady: () => void): void {
    const startedAt = performance.now();
    // A group of its own: Ctrl-C in the terminal reaches only the supervisor, which then drains in order.
    const child = fork(member.script, {
      env: this.#env,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached: true,
    });
    this.#children.set(member.name, child);
    this.#writePids();
    child.on('message', (message) => {
      if (message === 'ready') onReady();
    });
    child.once('exit', (code, signal) => {
      this.#children.delete(member.name);
      if (this.#stopping) return;
      const quick = performance.now() - startedAt < QUICK_DEATH_MS;
      const delayMs = quick ? Math.min(200 * 2 ** restarts, MAX_RESTART_DELAY_MS) : 0;
      this.#logger.warn({ process: member.name, code, signal, delayMs }, 'process ended; starting it again');
      setTimeout(() => {
        if (!this.#stopping) this.#spawn(member, quick ? restarts + 1 : 0, onReady);
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
    const pids = Object.fromEntries([...this.#children].map(([name, { pid }]) => [name, pid]));
    mkdirSync(dirname(this.#pidFile), { recursive: true });
    const temporary = `${this.#pidFile}.tmp`;
    writeFileSync(temporary, JSON.stringify({ main: process.pid, ...pids }));
    renameSync(temporary, this.#pidFile);
  }
}

/** For a child of a {@link Supervisor}: says that it is ready, and ends when the supervisor is gone. */
export function reportReady(onOrphaned: () => void): void {
  if (process.send === undefined) return; // Started by hand or by a container: nobody waits.
  process.send('ready');
  process.once('disconnect', onOrphaned);
}
