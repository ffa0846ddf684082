import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until, type Holdfast } from '../support/holdfast.ts';
import { leftoversOf } from './leftovers.ts';

/** A worker beside the one of a Holdfast, with directories of its own: they share records, blobs and Temporal, as on two hosts. */
export class SecondWorker {
  readonly #child: ChildProcess;
  readonly #directory: string;
  #log = '';

  private constructor(child: ChildProcess, directory: string) {
    this.#child = child;
    this.#directory = directory;
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.#log += chunk.toString()));
  }

  /** Starts it and resolves when it works. */
  static async start(holdfast: Holdfast): Promise<SecondWorker> {
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-second-'));
    chmodSync(directory, 0o755); // The sandbox's user must be able to reach the work trees.
    const env = {
      ...holdfast.env,
      DATA_DIR: directory,
      SESSIONS_DIR: join(holdfast.dataDir, 'sessions'),
      TEMPORAL_ADDRESS: holdfast.temporalAddress,
    };
    const script = join(holdfast.checkout, 'src', 'worker.ts');
    const worker = new SecondWorker(
      spawn(process.execPath, [script], { env, stdio: ['ignore', 'pipe', 'pipe'] }),
      directory,
    );
    await until(() => {
      if (worker.#child.exitCode !== null) throw new Error(`the second worker ended:\n${worker.#log}`);
      return worker.#log.includes('worker ready');
    }, 60_000);
    return worker;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** SIGTERM, and waits for the drain; answers what is left, in words. */
  async stop(): Promise<string[]> {
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await exited;
    const left = leftoversOf(this.#directory, new Set([this.pid]));
    rmSync(this.#directory, { recursive: true, force: true });
    return left;
  }
}
