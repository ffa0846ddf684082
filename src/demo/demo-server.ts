import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../temporal/embedded-server.ts';

const START_MS = 120_000;

/** Holdfast as `npm start` runs it, for the demo. */
export class DemoServer {
  readonly url: string;
  readonly model: string;
  readonly #child: ChildProcess;
  readonly #dataDir: string;

  private constructor(child: ChildProcess, dataDir: string, url: string, model: string) {
    this.#child = child;
    this.#dataDir = dataDir;
    this.url = url;
    this.model = model;
  }

  /** Starts it on the embedded defaults; with the scripted demo model, unless there is a key for a real one. */
  static async start(dataDir: string): Promise<DemoServer> {
    const real = process.env['LLM_API_KEY'] !== undefined || process.env['LLM_API_KEY_FILE'] !== undefined;
    const model = real
      ? `${process.env['LLM_PROVIDER'] ?? 'anthropic'} (real)`
      : 'scripted demo model (no AI, replays a fixed script)';
    const port = process.env['PORT'] ?? String((await isFree(8420)) ? 8420 : await freePort());
    const scripted = real ? {} : { DEMO: '1', LLM_PROVIDER: 'scripted-demo' };
    const env = {
      LOG_LEVEL: 'warn',
      ...process.env,
      ...scripted,
      PORT: port,
      DATA_DIR: dataDir,
      WEBHOOK_ALLOW_PRIVATE: 'true',
    };
    const child = spawn(process.execPath, [join(import.meta.dirname, '..', 'main.ts')], {
      env,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const server = new DemoServer(child, dataDir, `http://127.0.0.1:${port}`, model);
    await server.#untilReady();
    return server;
  }

  get uiUrl(): string {
    const { uiPort } = JSON.parse(readFileSync(join(this.#dataDir, 'temporal.json'), 'utf8')) as { uiPort: number };
    return `http://127.0.0.1:${uiPort}`;
  }

  /** Calls the API and answers `data`; anything but a success is thrown. */
  async call<T>(method: string, path: string, body?: object): Promise<T> {
    const answer = await this.#fetch(method, path, body);
    const { success, data, error } = (await answer.json()) as {
      success: boolean;
      data: T;
      error?: { code: string; message: string };
    };
    if (!success) throw new Error(`${method} ${path} answered ${answer.status} ${error?.code}: ${error?.message}`);
    return data;
  }

  /** Calls the API where it must say no, and answers its words. */
  async refusal(method: string, path: string, body: object): Promise<string> {
    const answer = await this.#fetch(method, path, body);
    const { success, error } = (await answer.json()) as { success: boolean; error?: { code: string; message: string } };
    if (success) throw new Error(`${method} ${path} should have been refused`);
    return `${answer.status} ${error?.code}: ${error?.message}`;
  }

  /** SIGKILL to the worker; answers its pid. */
  killWorker(): number {
    const { worker } = JSON.parse(readFileSync(join(this.#dataDir, 'run', 'processes.json'), 'utf8')) as {
      worker: number;
    };
    process.kill(worker, 'SIGKILL');
    return worker;
  }

  /** Lets everything drain and end. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGTERM');
    await gone;
  }

  #fetch(method: string, path: string, body?: object): Promise<Response> {
    if (body === undefined) return fetch(this.url + path, { method });
    return fetch(this.url + path, {
      method,
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    });
  }

  async #untilReady(): Promise<void> {
    const end = performance.now() + START_MS;
    while (performance.now() < end) {
      if (this.#child.exitCode !== null)
        throw new Error(`Holdfast ended at its start with code ${this.#child.exitCode}.`);
      const ready = await fetch(`${this.url}/readyz`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (ready) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('Holdfast did not get ready.');
  }
}

function isFree(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/healthz`).then(
    () => false,
    () => true,
  );
}
