import { digestOf } from '../digest/canonical-json.ts';
import { MANIFEST, MANIFEST_DIGEST, manifestText, type Manifest } from './manifest.ts';
import { tarEnd, tarHeader, tarPadding } from './tar.ts';

/** A file of a bundle, read only when its turn comes. */
export interface BundlePart {
  readonly name: string;
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  readonly read: () => Promise<Uint8Array>;
}

/** A bundle that is being written. */
export interface Bundle {
  /** Bytes of the whole archive. */
  readonly size: number;
  readonly bytes: AsyncGenerator<Uint8Array, void>;
}

/** A part whose text is at hand. */
export function textPart(name: string, text: string): BundlePart {
  const bytes = Buffer.from(text);
  return { name, sha256: digestOf(bytes), size: bytes.length, read: async () => bytes };
}

/**
 * The archive of some parts under a manifest, ordered by name. The same parts are the same bytes.
 * @throws RangeError for a part that an archive cannot hold.
 */
export function writeBundle(about: Omit<Manifest, 'format' | 'parts'>, parts: readonly BundlePart[]): Bundle {
  const ordered = parts.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const listed = ordered.map(({ name, sha256, size }) => ({ name, sha256, size }));
  const manifest = manifestText({ format: 'holdfast-bundle/1', ...about, parts: listed });
  const head = [textPart(MANIFEST, manifest), textPart(MANIFEST_DIGEST, `${digestOf(manifest)}\n`)];
  const entries = [...head, ...ordered].map((part) => ({
    header: tarHeader(part.name, part.size),
    read: part.read,
    padding: tarPadding(part.size),
    size: part.size,
  }));
  const sizes = entries.map(({ header, padding, size }) => header.length + size + padding.length);
  return { size: sizes.reduce((total, size) => total + size, tarEnd.length), bytes: bytesOf(entries) };
}

interface Entry {
  readonly header: Buffer;
  readonly read: BundlePart['read'];
  readonly padding: Buffer;
}

async function* bytesOf(entries: readonly Entry[]): AsyncGenerator<Uint8Array, void> {
  for (const { header, read, padding } of entries) {
    yield header;
    yield await read();
    yield padding;
  }
  yield tarEnd;
}
