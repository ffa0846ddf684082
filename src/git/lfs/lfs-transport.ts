import type { Readable } from 'node:stream';

/** A request to a server of Git LFS, or to where it keeps its files. */
export interface LfsRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** A text, or so many bytes of a stream. */
  readonly body?: string | { readonly stream: Readable; readonly bytes: number };
  /** Authorities, in PEM, that are trusted besides those of the machine. */
  readonly ca?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What came back. The body must be read to its end, or destroyed. */
export interface LfsAnswer {
  readonly status: number;
  readonly body: Readable;
}

/**
 * How servers of Git LFS are reached: one request each, by checked addresses only, without redirects, and given up when nothing moves.
 * @throws HoldfastError LFS_FAILED when there is no answer
 */
export type LfsTransport = (request: LfsRequest) => Promise<LfsAnswer>;
