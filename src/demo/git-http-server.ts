import { execFile, spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Writable } from 'node:stream';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Git's own smart HTTP server (`git http-backend`, see its manual page) behind Basic authentication, on loopback. */
export interface GitHttpServer {
  readonly url: string;
  /** Makes a repository with one commit of these files on `main`, and answers its URL. */
  createRepository(name: string, files: Readonly<Record<string, string>>): Promise<string>;
  /** The directory of a repository, for looking at it from behind. */
  pathOf(name: string): string;
  close(): Promise<void>;
}

/** What git gets to do for a client that hears nothing of it: all of the request, or so many bytes of its body. */
type Cut = 'drop answer' | { readonly cutAfterBytes: number };

/** Decides, before git does, what a request gets; null lets git answer. */
export type Fault = (request: IncomingMessage) => { readonly status: number } | 'stall' | Cut | null;

/** Starts the server over a directory. `user` and `token`, as it is at that moment, open every repository, to read and to write. */
export async function startGitHttpServer(options: {
  readonly root: string;
  readonly user: string;
  readonly token: string | (() => string);
  readonly fault?: Fault;
}): Promise<GitHttpServer> {
  const { root, user, token } = options;
  const expected = (): string => {
    const current = typeof token === 'string' ? token : token();
    return `Basic ${Buffer.from(`${user}:${current}`).toString('base64')}`;
  };
  mkdirSync(root, { recursive: true });
  const server = createServer((request, response) => {
    const fault = options.fault?.(request) ?? null;
    if (fault === 'stall') return;
    if (fault !== null && typeof fault === 'object' && 'status' in fault)
      return void response.writeHead(fault.status).end();
    if (request.headers.authorization !== expected()) {
      return void response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
    }
    serve(root, request, response, fault);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const pathOf = (name: string): string => join(root, `${name}.git`);
  return {
    url,
    pathOf,
    createRepository: async (name, files) => {
      await createRepository(pathOf(name), files);
      return `${url}/${name}.git`;
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

const gitEnvironment = {
  PATH: '/usr/local/bin:/usr/bin:/bin',
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_COUNT: '1',
  GIT_CONFIG_KEY_0: 'safe.directory',
  GIT_CONFIG_VALUE_0: '*',
};

/** One CGI call (RFC 3875) of git http-backend. */
function serve(root: string, request: IncomingMessage, response: ServerResponse, cut: Cut | null): void {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
  const env = {
    ...gitEnvironment,
    GIT_PROJECT_ROOT: root,
    GIT_HTTP_EXPORT_ALL: '1',
    REMOTE_USER: 'git',
    PATH_INFO: decodeURIComponent(pathname),
    QUERY_STRING: searchParams.toString(),
    REQUEST_METHOD: request.method ?? 'GET',
    CONTENT_TYPE: request.headers['content-type'] ?? '',
    HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
    GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
  };
  const child = spawn('git', ['http-backend'], { env, stdio: ['pipe', 'pipe', 'ignore'] });
  child.stdin.on('error', () => undefined);
  if (typeof cut === 'object' && cut !== null) hangUpAfter(cut.cutAfterBytes, request, child.stdin);
  else request.pipe(child.stdin);
  let head = Buffer.alloc(0);
  let started = false;
  child.stdout.on('data', (chunk: Buffer) => {
    if (cut !== null) return;
    if (started) return void response.write(chunk);
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    started = true;
    const headers = head
      .subarray(0, end)
      .toString()
      .split('\r\n')
      .map((line) => line.split(/: ?(.*)/s) as [string, string]);
    const status = Number.parseInt(headers.find(([name]) => name.toLowerCase() === 'status')?.[1] ?? '200', 10);
    for (const [name, value] of headers) if (name.toLowerCase() !== 'status') response.setHeader(name, value);
    response.writeHead(status).write(head.subarray(end + 4));
  });
  child.once('close', () => (cut === null ? response.end() : response.destroy()));
  child.once('error', () => response.writeHead(500).end());
}

/** Hands on so much of a body, as if its sender had gone then, and hangs up on the sender. */
function hangUpAfter(bytes: number, request: IncomingMessage, into: Writable): void {
  let left = bytes;
  request.on('data', (chunk: Buffer) => {
    into.write(chunk.subarray(0, left));
    left -= Math.min(left, chunk.length);
    if (left > 0) return;
    into.end();
    request.destroy();
  });
  request.once('end', () => into.end());
}

async function createRepository(path: string, files: Readonly<Record<string, string>>): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'holdfast-repository-'));
  const date = '2026-01-01T00:00:00Z';
  const who = {
    GIT_AUTHOR_NAME: 'Ada',
    GIT_AUTHOR_EMAIL: 'ada@example.test',
    GIT_COMMITTER_NAME: 'Ada',
    GIT_COMMITTER_EMAIL: 'ada@example.test',
  };
  const env = { ...gitEnvironment, ...who, GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
  const git = (...args: string[]) => run('git', args, { cwd: work, env });
  try {
    for (const [file, content] of Object.entries(files)) {
      mkdirSync(dirname(join(work, file)), { recursive: true });
      writeFileSync(join(work, file), content);
    }
    await git('init', '-q', '--initial-branch=main', '.');
    await git('add', '-A');
    await git('commit', '-q', '-m', 'Initial commit', '--allow-empty');
    await git('clone', '-q', '--bare', work, path);
    for (const [key, value] of [
      ['http.receivepack', 'true'],
      ['uploadpack.allowAnySHA1InWant', 'true'],
    ]) {
      await git('--git-dir', path, 'config', String(key), String(value));
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
