import type { Readable } from 'node:stream';
import * as z from 'zod';
import { HoldfastError } from '../../domain/failure.ts';
import type { LfsPlace } from './lfs-place.ts';
import type { LfsPointer } from './lfs-pointer.ts';
import type { LfsAnswer, LfsRequest, LfsTransport } from './lfs-transport.ts';

const JSON_TYPE = 'application/vnd.git-lfs+json';
/** So many are asked for at once; servers may refuse more (docs/api/batch.md). */
const BATCH = 100;
const MAX_ANSWER_BYTES = 4 * 2 ** 20;

const Action = z.object({
  href: z.url({ protocol: /^https?$/ }),
  header: z.record(z.string(), z.string()).optional(),
});
const BatchAnswer = z.object({
  transfer: z.literal('basic').optional(),
  hash_algo: z.literal('sha256').optional(),
  objects: z.array(
    z.object({
      oid: z.string(),
      actions: z.object({ download: Action, upload: Action, verify: Action }).partial().optional(),
      error: z.object({ code: z.number(), message: z.string() }).optional(),
    }),
  ),
});
type ObjectAnswer = z.infer<typeof BatchAnswer>['objects'][number];

/** Headers that say how a message is sent, and not by whom: those are ours. */
const ownHeaders = new Set(['host', 'content-length', 'transfer-encoding', 'connection', 'expect', 'upgrade']);

/** A server of Git LFS: its batch API with the basic transfer (git-lfs, docs/api). */
export class LfsServer {
  readonly #place: LfsPlace;
  readonly #transport: LfsTransport;
  readonly #signal: AbortSignal | undefined;

  constructor(place: LfsPlace, transport: LfsTransport, signal?: AbortSignal) {
    this.#place = place;
    this.#transport = transport;
    this.#signal = signal;
  }

  /**
   * Opens the contents of files, each as a stream that is to be checked; a few at a time.
   * @throws HoldfastError LFS_FAILED, REPOSITORY_AUTH_FAILED
   */
  async download(
    pointers: readonly LfsPointer[],
    take: (pointer: LfsPointer, content: Readable) => Promise<void>,
  ): Promise<void> {
    await this.#each('download', pointers, async (pointer, { actions }) => {
      if (actions?.download === undefined) throw failed(`${this.#place.endpoint} does not say where ${pointer.oid} is`);
      const { body } = await this.#act('GET', actions.download);
      await take(pointer, body);
    });
  }

  /**
   * Brings the contents of files to the server; what it has already is not sent.
   * @throws HoldfastError LFS_FAILED, REPOSITORY_AUTH_FAILED
   */
  async upload(pointers: readonly LfsPointer[], open: (pointer: LfsPointer) => Readable): Promise<void> {
    await this.#each('upload', pointers, async (pointer, { actions }) => {
      const { oid, size } = pointer;
      if (actions?.upload !== undefined) {
        const type = { 'content-type': 'application/octet-stream' };
        await drained(await this.#act('PUT', actions.upload, { stream: open(pointer), bytes: size }, type));
      }
      if (actions?.verify === undefined) return;
      const type = { 'content-type': JSON_TYPE, accept: JSON_TYPE };
      await drained(await this.#act('POST', actions.verify, JSON.stringify({ oid, size }), type));
    });
  }

  async #each(
    operation: 'download' | 'upload',
    pointers: readonly LfsPointer[],
    work: (pointer: LfsPointer, answer: ObjectAnswer) => Promise<void>,
  ): Promise<void> {
    for (let start = 0; start < pointers.length; start += BATCH) {
      const some = pointers.slice(start, start + BATCH);
      const answers = new Map((await this.#batch(operation, some)).map((answer) => [answer.oid, answer]));
      for (const pointer of some) {
        const answer = answers.get(pointer.oid);
        if (answer === undefined) throw failed(`${this.#place.endpoint} says nothing of ${pointer.oid}`);
        if (answer.error !== undefined) {
          const { code, message } = answer.error;
          throw failed(`${this.#place.endpoint} has no ${pointer.oid}: ${code} ${message.slice(0, 200)}`);
        }
        await work(pointer, answer);
      }
    }
  }

  async #batch(operation: 'download' | 'upload', pointers: readonly LfsPointer[]): Promise<ObjectAnswer[]> {
    const objects = pointers.map(({ oid, size }) => ({ oid, size }));
    const answer = await this.#send({
      mayBeRefused: true,
      method: 'POST',
      url: `${this.#place.endpoint}/objects/batch`,
      headers: { accept: JSON_TYPE, 'content-type': JSON_TYPE, ...this.#authorization() },
      body: JSON.stringify({ operation, transfers: ['basic'], objects, hash_algo: 'sha256' }),
    });
    const parsed = BatchAnswer.safeParse(jsonOf(await textOf(answer.body)));
    if (parsed.success) return parsed.data.objects;
    throw failed(`${this.#place.endpoint} does not answer as Git LFS does`);
  }

  /** What the server says how to do. It may name any host; ours opens only its own. */
  async #act(
    method: LfsRequest['method'],
    { href, header = {} }: z.infer<typeof Action>,
    body?: NonNullable<LfsRequest['body']>,
    type: Readonly<Record<string, string>> = {},
  ): Promise<LfsAnswer> {
    const isOwn = new URL(href).origin === new URL(this.#place.endpoint).origin;
    if (this.#place.endpoint.startsWith('https:') && !href.startsWith('https:'))
      throw failed(`${this.#place.endpoint} leads to a place without encryption`);
    const given = Object.entries(header).filter(([name]) => !ownHeaders.has(name.toLowerCase()));
    const isGiven = given.some(([name]) => name.toLowerCase() === 'authorization');
    const own = isOwn && !isGiven ? this.#authorization() : {};
    // A link that the server signed may have run out meanwhile: that is no fault of the token.
    const mayBeRefused = Object.keys(own).length > 0;
    return this.#send({
      mayBeRefused,
      method,
      url: href,
      headers: { ...type, ...own, ...Object.fromEntries(given) },
      ...(body !== undefined && { body }),
    });
  }

  async #send({
    mayBeRefused,
    ...request
  }: Omit<LfsRequest, 'ca' | 'signal'> & { readonly mayBeRefused: boolean }): Promise<LfsAnswer> {
    const isOwn = new URL(request.url).origin === new URL(this.#place.endpoint).origin;
    const ca = isOwn ? this.#place.credentials?.ca : undefined;
    const answer = await this.#transport({ ...request, ca, signal: this.#signal });
    if (answer.status >= 200 && answer.status < 300) return answer;
    answer.body.destroy();
    const where = `${new URL(request.url).origin} answers ${request.method} with ${answer.status}`;
    if (mayBeRefused && (answer.status === 401 || answer.status === 403))
      throw new HoldfastError('REPOSITORY_AUTH_FAILED', `The Git LFS of ${this.#place.endpoint} is refused: ${where}.`);
    throw failed(where);
  }

  #authorization(): Record<string, string> {
    const { username = 'x-access-token', token } = this.#place.credentials ?? {};
    if (token === undefined) return {};
    return { authorization: `Basic ${Buffer.from(`${username}:${token}`).toString('base64')}` };
  }
}

async function textOf(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw failed(`a server of Git LFS answers with more than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function drained({ body }: LfsAnswer): Promise<void> {
  await textOf(body);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function failed(what: string): HoldfastError {
  return new HoldfastError('LFS_FAILED', `Files of Git LFS cannot be had: ${what}.`);
}
