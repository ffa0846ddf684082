import { mkdtemp, rm } from 'node:fs/promises';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { LookupAddress } from 'node:dns';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline, type Duplex } from 'node:stream';
import type { Destination } from '../domain/egress.ts';
import { decide, type EgressRules, type Refusal } from './egress-policy.ts';
import { forwardedHeaders, forwardTarget, tunnelTarget } from './egress-request.ts';
import type { Sandbox } from './sandbox.ts';
import { SANDBOX_DIRECTORY } from './strays.ts';

/** What the commands of a session may take of the proxy. */
export interface EgressLimits {
  readonly connections: number;
  /** Time for a client to send its headers, for a name to be found and a connection to be made, in milliseconds. */
  readonly setupMs: number;
  /** Silence after which a connection is closed, in milliseconds. */
  readonly idleMs: number;
}

const defaultLimits: EgressLimits = { connections: 64, setupMs: 15_000, idleMs: 5 * 60_000 };
const MAX_HEADER_BYTES = 16 * 1024;
/** Refusals that are told of one proxy: a command may try a great many names. */
const MAX_TOLD = 100;

/** A proxy that is to be opened. */
export interface EgressProxyOptions extends EgressRules {
  /** Told once of each destination that is blocked. */
  readonly onBlocked: (refusal: Refusal) => void;
  readonly limits?: Partial<EgressLimits>;
}

/**
 * The only way out of a sandbox: an HTTP proxy (CONNECT, and absolute-form requests) on a unix socket, which is mounted into the
 * sandbox; there is no port on the host. It passes on what its rules name, to addresses it has checked itself.
 */
export class EgressProxy {
  readonly socketPath: string;
  readonly #directory: string;
  readonly #options: EgressProxyOptions;
  readonly #limits: EgressLimits;
  readonly #server: Server;
  readonly #sockets = new Set<Duplex>();
  readonly #told = new Set<string>();
  #refusals: string[] = [];

  private constructor(directory: string, options: EgressProxyOptions) {
    this.#directory = directory;
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.socketPath = join(directory, 'egress.sock');
    this.#server = this.#createServer();
  }

  /** Opens a proxy whose socket only the sandbox's user (and the server) can reach. */
  static async open(sandbox: Pick<Sandbox, 'adopt'>, options: EgressProxyOptions): Promise<EgressProxy> {
    // Made with mode 0700, and under a name by which the next start finds what a killed server left.
    const directory = await mkdtemp(join(tmpdir(), `${SANDBOX_DIRECTORY}${process.pid}-`));
    const proxy = new EgressProxy(directory, options);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(proxy.socketPath, resolve);
    });
    await sandbox.adopt(directory);
    return proxy;
  }

  /** What has been refused since the last call, in words for whoever ran the command. */
  takeRefusals(): string[] {
    const taken = this.#refusals;
    this.#refusals = [];
    return taken;
  }

  /** Ends every connection. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    await rm(this.#directory, { recursive: true, force: true });
  }

  #createServer(): Server {
    const { connections, setupMs, idleMs } = this.#limits;
    const server = createServer({
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: setupMs,
      requestTimeout: 0, // An upload may take its time, but not be silent.
      connectionsCheckingInterval: Math.min(1000, setupMs),
    });
    server.maxConnections = connections;
    server.timeout = idleMs;
    server.on('connection', (socket) => this.#keep(socket));
    server.on('request', (request, response) => void this.#forward(request, response));
    server.on(
      'connect',
      (request: IncomingMessage, client: Duplex, head: Buffer) => void this.#tunnel(request, client, head),
    );
    return server;
  }

  async #tunnel(request: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
    const target = tunnelTarget(request.url ?? '');
    if (target === null) return answer(client, '400 Bad Request', '[holdfast] CONNECT takes host:port.');
    const decision = await this.#decide(target);
    if ('reason' in decision) return answer(client, statusOf(decision), decision.message);
    if (client.destroyed) return;
    const upstream = this.#dial(target, decision);
    const fail = (error: Error): void =>
      answer(client, '502 Bad Gateway', `[holdfast] ${target.host}: ${error.message}`);
    upstream.once('error', fail);
    upstream.once('connect', () => {
      upstream.off('error', fail);
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      upstream.write(head);
      pipeline(client, upstream, client, () => undefined);
    });
    client.once('close', () => upstream.destroy());
  }

  async #forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = forwardTarget(request.url ?? '');
    if (target === null) return refuse(response, 400, '[holdfast] The proxy takes CONNECT and http:// URLs.');
    const decision = await this.#decide(target);
    if ('reason' in decision) return refuse(response, Number.parseInt(statusOf(decision), 10), decision.message);
    if (request.socket.destroyed) return;
    const upstream = httpRequest({
      method: request.method,
      path: target.path,
      headers: { ...forwardedHeaders(request.headers), host: target.authority },
      createConnection: () => this.#dial(target, decision),
    });
    upstream.once('response', (answered) => {
      response.writeHead(answered.statusCode ?? 502, forwardedHeaders(answered.headers));
      pipeline(answered, response, () => undefined);
    });
    upstream.once('error', (error) => {
      if (!response.headersSent) refuse(response, 502, `[holdfast] ${target.host}: ${error.message}`);
    });
    response.once('close', () => upstream.destroy());
    request.pipe(upstream);
  }

  async #decide(target: Destination): Promise<readonly LookupAddress[] | Refusal> {
    const decision = await decide(target, this.#options);
    if ('reason' in decision && decision.reason !== 'not_found') this.#note(decision);
    return decision;
  }

  #note(refusal: Refusal): void {
    const key = `${refusal.host}:${refusal.port}`;
    if (!this.#refusals.includes(refusal.message) && this.#refusals.length < MAX_TOLD) {
      this.#refusals.push(refusal.message);
    }
    if (this.#told.has(key) || this.#told.size >= MAX_TOLD) return;
    this.#told.add(key);
    this.#options.onBlocked(refusal);
  }

  /** Connects to one of the checked addresses; the name is not resolved again. */
  #dial({ host, port }: Destination, addresses: readonly LookupAddress[]): Socket {
    const { setupMs, idleMs } = this.#limits;
    const socket = connect({
      host,
      port,
      lookup: (_host, _options, done) => done(null, [...addresses]),
      autoSelectFamily: true,
      allowHalfOpen: true,
      timeout: setupMs,
    });
    socket.once('connect', () => socket.setTimeout(idleMs));
    socket.on('timeout', () => socket.destroy(new Error('it does not answer')));
    return this.#keep(socket);
  }

  #keep<T extends Duplex>(socket: T): T {
    this.#sockets.add(socket);
    socket.on('error', () => undefined); // Whatever ends a connection is for its two ends to see.
    socket.once('close', () => this.#sockets.delete(socket));
    return socket;
  }
}

function statusOf({ reason }: Refusal): string {
  return reason === 'not_found' ? '502 Bad Gateway' : '403 Forbidden';
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' }).end(`${text}\n`);
}

/** Answers a CONNECT, for which Node.js has no response object. */
function answer(client: Duplex, status: string, text: string): void {
  const body = `${text}\n`;
  const headers = ['content-type: text/plain; charset=utf-8', `content-length: ${Buffer.byteLength(body)}`];
  client.end([`HTTP/1.1 ${status}`, ...headers, 'connection: close', '', body].join('\r\n'));
}
