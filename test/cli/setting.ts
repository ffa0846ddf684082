import { spawn, type ChildProcess } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { serve, type ServerType } from '@hono/node-server';
import { onTestFinished } from 'vitest';

const cli = join(import.meta.dirname, '..', '..', 'src', 'cli.ts');

/** The command as a process, under way or over. */
export interface Command {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Its exit code; null when a signal ended it. */
  readonly exit: Promise<number | null>;
}

/** Runs `holdfast` with nothing in its environment but what is given. */
export function holdfast(args: readonly string[], env: Readonly<Record<string, string>> = {}): Command {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [cli, ...args], {
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (chunk: Buffer) => (said[name] += chunk.toString()));
  }
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exit;
  });
  return { child, stdout: () => said.stdout, stderr: () => said.stderr, exit };
}

/** Listens on a port of this machine, a free one unless told, until it is closed or the test is over. */
export async function listen(
  handler: (request: Request) => Response | Promise<Response>,
  port = 0,
): Promise<{ readonly url: string; readonly port: number; readonly close: () => Promise<void> }> {
  const server = await new Promise<ServerType>((resolve) => {
    const made = serve({ fetch: handler, hostname: '127.0.0.1', port }, () => resolve(made));
  });
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      if ('closeAllConnections' in server) server.closeAllConnections();
    });
  onTestFinished(close);
  const { port: own } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${own}`, port: own, close };
}
