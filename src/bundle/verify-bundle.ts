import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import { digestOf, jsonOf } from '../digest/canonical-json.ts';
import { contradictionsIn } from './contradictions.ts';
import { Manifest, MANIFEST, MANIFEST_DIGEST, manifestText } from './manifest.ts';
import { readTarHeader, TAR_BLOCK, tarEnd, tarPadding } from './tar.ts';

/** Longest text that is looked into; longer parts are only hashed. */
const MAX_TEXT_BYTES = 64 * 2 ** 20;
const PIECE_BYTES = 2 ** 20;

/** What is wrong with a bundle, and where. */
export interface BundleFault {
  /** The part, or the archive itself. */
  readonly part: string;
  readonly message: string;
}

/** What a bundle says about itself, and what is wrong with it. */
export interface Verified {
  readonly manifest: Manifest | null;
  readonly faults: readonly BundleFault[];
}

/** A file as it lies in the archive. */
interface Found {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
  /** Its content, if it is short enough to be looked into. */
  readonly text: string | null;
}

/**
 * Checks a bundle offline, down to its last byte: each part against the manifest, the manifest against its digest, and what the parts
 * say of each other (snapshot, contract, patch, transcript, logs).
 */
export async function verifyBundle(path: string): Promise<Verified> {
  const file = await open(path, 'r');
  try {
    const { found, faults } = await readArchive(file);
    const manifest = manifestOf(found, faults);
    if (manifest === null) return { manifest, faults };
    compare(manifest, found.slice(2), faults);
    const texts = new Map(found.map(({ name, text }) => [name, text]));
    const digests = new Map(found.map(({ name, sha256 }) => [name, sha256]));
    return { manifest, faults: [...faults, ...contradictionsIn(manifest, texts, digests)] };
  } finally {
    await file.close();
  }
}

async function readArchive(file: FileHandle): Promise<{ found: Found[]; faults: BundleFault[] }> {
  const found: Found[] = [];
  const faults: BundleFault[] = [];
  const { size: total } = await file.stat();
  const after = (): string => `archive, after ${found.at(-1)?.name ?? 'its beginning'}`;
  for (let at = 0; ;) {
    const header = await read(file, at, TAR_BLOCK);
    if (header.equals(tarEnd.subarray(0, TAR_BLOCK)) || header.length < TAR_BLOCK) {
      if (total !== at + tarEnd.length || !(await read(file, at, tarEnd.length)).equals(tarEnd)) {
        faults.push({ part: after(), message: 'the archive does not end as it must: it is cut off, or goes on' });
      }
      return { found, faults };
    }
    const entry = readTarHeader(header);
    if (entry === null || at + TAR_BLOCK + entry.size > total) {
      faults.push({ part: after(), message: 'the header of the next part is not as it was written' });
      return { found, faults };
    }
    found.push({ ...entry, ...(await readContent(file, at + TAR_BLOCK, entry.size)) });
    const padding = tarPadding(entry.size);
    at += TAR_BLOCK + entry.size;
    if (!(await read(file, at, padding.length)).equals(padding)) {
      faults.push({ part: entry.name, message: 'the bytes between it and the next part are not zero' });
    }
    at += padding.length;
  }
}

async function readContent(file: FileHandle, at: number, size: number): Promise<Pick<Found, 'sha256' | 'text'>> {
  const hash = createHash('sha256');
  const pieces: Buffer[] = [];
  for (let done = 0; done < size;) {
    const piece = await read(file, at + done, Math.min(PIECE_BYTES, size - done));
    if (piece.length === 0) break;
    hash.update(piece);
    if (size <= MAX_TEXT_BYTES) pieces.push(piece);
    done += piece.length;
  }
  return {
    sha256: `sha256:${hash.digest('hex')}`,
    text: size <= MAX_TEXT_BYTES ? Buffer.concat(pieces).toString('utf8') : null,
  };
}

async function read(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}

function manifestOf(found: readonly Found[], faults: BundleFault[]): Manifest | null {
  const [first, second] = found;
  if (first?.name !== MANIFEST || second?.name !== MANIFEST_DIGEST) {
    faults.push({ part: MANIFEST, message: 'a bundle begins with its manifest and the digest of it' });
    return null;
  }
  const text = first.text ?? '';
  if (second.text !== `${digestOf(text)}\n`) {
    faults.push({ part: MANIFEST, message: `it is not what ${MANIFEST_DIGEST} says: one of the two was changed` });
  }
  const parsed = Manifest.safeParse(jsonOf(text));
  if (!parsed.success || manifestText(parsed.data) !== text) {
    faults.push({ part: MANIFEST, message: 'it is no manifest of a bundle of this version' });
    return null;
  }
  return parsed.data;
}

function compare({ parts }: Manifest, found: readonly Found[], faults: BundleFault[]): void {
  for (const [index, { name, sha256, size }] of parts.entries()) {
    const part = found[index];
    if (part?.name !== name) {
      faults.push({ part: name, message: `it is missing, or not in its place${part && `: ${part.name} is there`}` });
      return;
    }
    if (part.sha256 === sha256 && part.size === size) continue;
    faults.push({ part: name, message: `its ${part.size} bytes have ${part.sha256}, the manifest says ${sha256}` });
  }
  for (const { name } of found.slice(parts.length))
    faults.push({ part: name, message: 'the manifest does not know it' });
}
