import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/temporal/embedded-server.ts';
import { processStart } from '../../src/temporal/process-identity.ts';

const root = join(import.meta.dirname, '..', '..');

/** What the API answers. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed JSON, or text. Tests look at what they are about; the shapes are checked where the API is tested. */
  readonly body: ReturnType<typeof JSON.parse>;
}

/** The processes of a running Holdfast. */
export type ProcessName = 'main' | 'worker' | 'api' | 'temporal';

/** Holdfast as `npm start` runs it: real processes on free ports, with a data directory of its own. */
export class Holdfast {
  readonly dataDir: string;
  readonly env: Record<string, string>;
  /** Where its code is. */
  readonly checkout: string;
  #child: ChildProcess | undefined;
  #log = '';

  private constructor(dataDir: string, env: Record<string, string>, checkout: string) {
    this.dataDir = dataDir;
    this.env = env;
    this.checkout = checkout;
  }

  /** Starts everything, from this checkout or another one, and resolves when it is ready. */
  static async start(env: Readonly<Record<string, string>> = {}, checkout = root): Promise<Holdfast> {
    const dataDir = mkdtempSync(join(tmpdir(), 'holdfast-e2e-'));
    chmodSync(dataDir, 0o755); // The sandbox's user must be able to reach the work trees.
    const ports = { PORT: await freePort(), TEMPORAL_PORT: await freePort(), TEMPORAL_UI_PORT: await freePort() };
    const fixed = Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(port)]));
    const { PATH = '', HOME = '', TEMPORAL_CLI_PATH = '' } = process.env;
    const known = { PATH, HOME, TEMPORAL_CLI_PATH, DATA_DIR: dataDir, LOG_LEVEL: 'info' };
    const server = new Holdfast(dataDir, { ...known, ...fixed, ...env }, checkout);
    await server.start();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.env['PORT']}`;
  }

  get temporalAddress(): string {
    return `127.0.0.1:${this.env['TEMPORAL_PORT']}`;
  }

  /** Starts (again) on the same data. */
  async start(changes: Readonly<Record<string, string>> = {}): Promise<void> {
    Object.assign(this.env, changes);
    const child = spawn(process.execPath, [join(this.checkout, 'src', 'main.ts')], {
      env: this.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (this.#log += chunk.toString()));
    this.#child = child;
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`Holdfast ended with ${child.exitCode}:\n${this.#log}`);
      return this.isReady();
    }, 60_000);
  }

  async isReady(): Promise<boolean> {
    return fetch(`${this.url}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  /** Everything the processes have logged so far. */
  log(): string {
    return this.#log;
  }

  pid(name: ProcessName): number {
    const file = name === 'temporal' ? 'temporal.json' : 'run/processes.json';
    const pids = JSON.parse(readFileSync(join(this.dataDir, file), 'utf8')) as Record<string, number>;
    return pids[name === 'temporal' ? 'pid' : name] ?? 0;
  }

  /** SIGKILL, and waits until the processes are gone. */
  async kill(...names: ProcessName[]): Promise<void> {
    const pids = names.map((name) => this.pid(name));
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await until(() => pids.every((pid) => processStart(pid) === 'gone'), 10_000);
  }

  /** SIGTERM, and waits for the drain; then the data directory goes. */
  async stop(): Promise<void> {
    await this.drain();
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  async drain(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await exited;
  }

  /** Calls the API, with its first key where it has some. */
  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const [key] = this.env['API_KEYS']?.split(',') ?? [];
    const response = await fetch(this.url + path, {
      method,
      headers: {
        ...(key && { authorization: `Bearer ${key}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = /^application\/json\b/.test(response.headers.get('content-type') ?? '');
    return {
      status: response.status,
      headers: response.headers,
      body: isJson && text !== '' ? JSON.parse(text) : text,
    };
  }

  /** Creates a session and answers its id. */
  async create(body: unknown): Promise<string> {
    const answer = await this.call('POST', '/api/sessions', body);
    if (answer.status !== 201) throw new Error(`create answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body.data.sessionId as string;
  }

  /** The session as GET answers it. */
  async session(id: string): Promise<Answer['body']> {
    return (await this.call('GET', `/api/sessions/${id}`)).body.data;
  }

  /** Waits until the session is in one of the states, and answers it. */
  async reach(id: string, ...states: string[]): Promise<Answer['body']> {
    let last: Answer['body'];
    await until(async () => {
      last = await this.session(id).catch(() => undefined);
      return states.includes(last?.state);
    }, 90_000).catch(() => {
      throw new Error(`${id} never got to ${states.join(' or ')}: ${JSON.stringify(last)}\n${this.#log.slice(-3000)}`);
    });
    return last;
  }
}

/** Asks until the answer is yes. */
export async function until(condition: () => boolean | Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not true within ${timeoutMs} ms: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
