import { createHash } from 'node:crypto';
import { createServer, request as forward, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

/** A request as it came. */
export interface LfsCall {
  readonly what: string;
  readonly authorization: string | undefined;
}

/** What a server does that it should not. */
export interface LfsFaults {
  /** What is sent in place of a content. */
  readonly content?: (content: Buffer) => Buffer;
  /** Where contents are said to be, in place of the server itself. */
  readonly href?: (oid: string) => string;
  /** The status of calls of a kind: `batch`, `download`, `upload` or `verify`. */
  readonly status?: (what: string) => number | undefined;
  /** Headers that are to be sent with what an action says. */
  readonly header?: Readonly<Record<string, string>>;
  /** Given in place of the answer of the batch API. */
  readonly batch?: string;
}

/** The batch API of Git LFS with the basic transfer (git-lfs, docs/api), behind Basic authentication, before a git server. */
export interface LfsTestServer {
  /** The origin of both. */
  readonly url: string;
  /** Contents by their SHA-256. */
  readonly contents: Map<string, Buffer>;
  readonly calls: LfsCall[];
  faults: LfsFaults;
  /** Puts a content there, and answers its pointer. */
  put(content: string | Buffer): string;
}

export function sha256(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Starts it on loopback. What is not about Git LFS is answered by the git server `behind` it. */
export async function startLfsServer(options: {
  readonly user: string;
  readonly token: string;
  readonly behind: string;
}): Promise<LfsTestServer> {
  const expected = `Basic ${Buffer.from(`${options.user}:${options.token}`).toString('base64')}`;
  const server = createServer((request, response) => {
    if (!/\/info\/lfs\/|^\/(download|upload|verify)\//.test(request.url ?? '')) {
      const { method = 'GET', headers } = request;
      const passed = forward(options.behind + request.url, { method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      passed.once('error', () => response.destroy());
      return void request.pipe(passed);
    }
    const tell = (body: Buffer): void => {
      const answer = lfs.answer(request, body);
      response.writeHead(answer.status, { 'content-type': 'application/vnd.git-lfs+json' }).end(answer.body);
    };
    buffer(request).then(tell, () => response.destroy()); // Who asked is dead.
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const lfs = new Script(origin, expected);
  return lfs;
}

class Script implements LfsTestServer {
  readonly url: string;
  readonly contents = new Map<string, Buffer>();
  readonly calls: LfsCall[] = [];
  faults: LfsFaults = {};
  readonly #origin: string;
  readonly #expected: string;

  constructor(origin: string, expected: string) {
    this.#origin = origin;
    this.#expected = expected;
    this.url = origin;
  }

  put(content: string | Buffer): string {
    const bytes = Buffer.from(content);
    this.contents.set(sha256(bytes), bytes);
    return `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256(bytes)}\nsize ${bytes.length}\n`;
  }

  answer(request: IncomingMessage, body: Buffer): { readonly status: number; readonly body?: string | Buffer } {
    const path = request.url ?? '';
    const what = path.endsWith('/objects/batch') ? 'batch' : (path.split('/')[1] ?? '');
    this.calls.push({ what, authorization: request.headers.authorization });
    const status = this.faults.status?.(what);
    if (status !== undefined) return { status };
    const isOpen = request.headers.authorization === this.#expected || request.headers['x-lfs-ticket'] === 'ticket';
    if (!isOpen) return { status: 401 };
    const oid = path.split('/').at(-1) ?? '';
    if (what === 'batch') return { status: 200, body: this.faults.batch ?? this.#batch(body.toString()) };
    if (what === 'download') return this.#download(oid);
    if (what === 'verify')
      return { status: this.contents.has((JSON.parse(body.toString()) as { oid: string }).oid) ? 200 : 404 };
    if (what !== 'upload' || sha256(body) !== oid) return { status: 422 };
    this.contents.set(oid, body);
    return { status: 200 };
  }

  #download(oid: string): { readonly status: number; readonly body?: Buffer } {
    const content = this.contents.get(oid);
    if (content === undefined) return { status: 404 };
    return { status: 200, body: this.faults.content?.(content) ?? content };
  }

  #batch(text: string): string {
    const asked = JSON.parse(text) as { operation: string; objects: { oid: string; size: number }[] };
    const { header } = this.faults;
    const objects = asked.objects.map(({ oid, size }) => {
      const isHere = this.contents.has(oid);
      const href = this.faults.href?.(oid) ?? `${this.#origin}/${asked.operation}/${oid}`;
      const action = { href, ...(header && { header }) };
      if (asked.operation === 'upload')
        return {
          oid,
          size,
          ...(!isHere && { actions: { upload: action, verify: { href: `${this.#origin}/verify/${oid}` } } }),
        };
      return isHere
        ? { oid, size, actions: { download: action } }
        : { oid, size, error: { code: 404, message: 'Object does not exist' } };
    });
    return JSON.stringify({ transfer: 'basic', objects });
  }
}
