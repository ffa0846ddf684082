import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdirSync, openSync, closeSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { join } from 'node:path';
import { findTemporalCli } from '../../scripts/setup/temporal-cli.mjs';
import { HoldfastError } from '../domain/failure.ts';
import { temporalOptions } from './connection.ts';
import { keepHistories } from './embedded-namespace.ts';
import { processStart } from './process-identity.ts';

const START_MS = 60_000;
const STOP_MS = 10_000;
const FIRST_PORT = 10_000;
const LAST_PORT = 32_000;

/** The running dev server of one data directory. */
export interface EmbeddedServer {
  readonly address: string;
  readonly port: number;
  readonly uiUrl: string;
  readonly pid: number;
  /** True when it had been running already. */
  readonly reused: boolean;
  /** Resolves when the process is gone, however it ended. */
  readonly exited: Promise<void>;
  stop(): Promise<void>;
}

/** Where the server keeps its data, and the ports it should have. */
export interface EmbeddedServerOptions {
  readonly directory: string;
  readonly port: number;
  readonly uiPort: number;
  /** True when others know the port already: it is had or nothing is. */
  readonly pinned?: boolean;
  /** Where the Web UI has payloads decrypted, if they are encrypted. */
  readonly codecEndpoint?: string | undefined;
}

/** What is noted beside the database, for the next start to find. */
interface Note {
  readonly pid: number;
  readonly start: string;
  readonly port: number;
  readonly uiPort: number;
}

/**
 * Starts `temporal server start-dev` on loopback with a database file, or takes over the one that still runs on this directory.
 * A port that is taken is replaced by a free one, unless an earlier start had it: workflows and links keep their address.
 * @throws HoldfastError TEMPORAL_UNAVAILABLE with the end of the server's log, also when somebody else has a pinned port.
 */
export async function startEmbeddedServer(options: EmbeddedServerOptions): Promise<EmbeddedServer> {
  const { directory } = options;
  mkdirSync(directory, { recursive: true });
  const noteFile = join(directory, 'temporal.json');
  const earlier = readNote(noteFile);
  if (earlier !== null && isRunning(earlier) && (await answers(earlier.port))) return serverOf(earlier, noteFile, true);
  const port = options.pinned ? options.port : await choosePort(earlier?.port ?? options.port, options.port);
  const uiPort = await choosePort(earlier?.uiPort ?? options.uiPort, options.uiPort);
  const cli = findTemporalCli(process.env);
  if (cli === null) {
    throw new HoldfastError('TEMPORAL_UNAVAILABLE', 'There is no Temporal CLI on this machine.', {
      remedy: 'Run `node scripts/setup.mjs`, or name a running server by TEMPORAL_ADDRESS.',
    });
  }
  const log = join(directory, 'temporal.log');
  const { namespace } = temporalOptions();
  const pid = launch(cli, { ...options, port, uiPort }, namespace, log);
  const note: Note = { pid, start: processStart(pid), port, uiPort };
  writeFileSync(`${noteFile}.tmp`, JSON.stringify(note));
  renameSync(`${noteFile}.tmp`, noteFile);
  try {
    await waitUntilHealthy(note, namespace, log);
  } catch (error) {
    await end(note);
    throw error;
  }
  return serverOf(note, noteFile, false);
}

function launch(cli: string, options: EmbeddedServerOptions, namespace: string, log: string): number {
  const { directory, port, uiPort } = options;
  const output = openSync(log, 'a');
  const database = join(directory, 'temporal.db');
  const network = ['--ip', '127.0.0.1', '--port', String(port), '--ui-ip', '127.0.0.1', '--ui-port', String(uiPort)];
  const args = ['server', 'start-dev', ...network, '--db-filename', database, '--namespace', namespace];
  // WAL and FULL: a workflow that was accepted survives the loss of power, as the records do.
  const durable = ['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=2'];
  // A session of its own: Ctrl-C in the terminal must not end the server before the workers have drained.
  const codec = options.codecEndpoint === undefined ? [] : ['--ui-codec-endpoint', options.codecEndpoint];
  const child = spawn(cli, [...args, ...durable, ...codec, '--log-level', 'warn'], {
    detached: true,
    stdio: ['ignore', output, output],
    cwd: directory,
  });
  closeSync(output);
  child.on('error', () => undefined); // Shows as a process that never gets healthy.
  child.unref();
  return child.pid ?? 0;
}

function serverOf(note: Note, noteFile: string, reused: boolean): EmbeddedServer {
  const exited = poll(() => !isRunning(note), Infinity).then(() => undefined);
  return {
    address: `127.0.0.1:${note.port}`,
    port: note.port,
    uiUrl: `http://127.0.0.1:${note.uiPort}`,
    pid: note.pid,
    reused,
    exited,
    stop: async () => {
      await end(note);
      rmSync(noteFile, { force: true });
    },
  };
}

async function end(note: Note): Promise<void> {
  if (isRunning(note)) process.kill(note.pid, 'SIGTERM');
  if (!(await poll(() => !isRunning(note), STOP_MS))) process.kill(note.pid, 'SIGKILL');
  await poll(() => !isRunning(note), STOP_MS);
}

async function waitUntilHealthy(note: Note, namespace: string, log: string): Promise<void> {
  const isHealthy = async (): Promise<boolean> =>
    (await answers(note.port)) &&
    (await answers(note.uiPort)) &&
    (await keepHistories(`127.0.0.1:${note.port}`, namespace));
  const healthy = await poll(async () => !isRunning(note) || (await isHealthy()), START_MS);
  if (healthy && isRunning(note)) return;
  const tail = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-5).join('\n');
  throw new HoldfastError('TEMPORAL_UNAVAILABLE', `The embedded Temporal server did not start:\n${tail}`);
}

function readNote(file: string): Note | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Note;
  } catch {
    return null;
  }
}

function isRunning({ pid, start }: Note): boolean {
  return pid > 0 && start !== 'gone' && processStart(pid) === start;
}

async function choosePort(preferred: number, wanted: number): Promise<number> {
  for (const port of [preferred, wanted]) if (port !== 0 && !(await answers(port))) return port;
  return freePort();
}

/**
 * A port of loopback that nobody has. Not one of those that the system gives to outgoing connections (ip(7), ip_local_port_range): while
 * a server is down for a moment, one of these could take its port and keep it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST_PORT, LAST_PORT);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}

/** Asks again and again until the answer is yes; false when the time is over. */
async function poll(ask: () => boolean | Promise<boolean>, timeoutMs: number): Promise<boolean> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    if (await ask()) return true;
    if (performance.now() > end) return false;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs === Infinity ? 250 : 50);
      if (timeoutMs === Infinity) timer.unref(); // Watching for the end must not keep a process alive that has nothing else to do.
    });
  }
}
