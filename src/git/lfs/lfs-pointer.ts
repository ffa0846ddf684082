/** What stands in the tree in place of a file that Git LFS keeps elsewhere. */
export interface LfsPointer {
  /** SHA-256 of the content, in hex. */
  readonly oid: string;
  /** Bytes of the content. */
  readonly size: number;
}

/** A pointer is never longer (git-lfs, docs/spec.md, "The Pointer"). */
const MAX_POINTER_BYTES = 1024;
/** The three lines that each has. */
const MIN_POINTER_BYTES = 120;

const shape =
  /^version https:\/\/(?:git-lfs\.github\.com|hawser\.github\.com)\/spec\/v1\n(?:ext-\d-[^\n]*\n)*oid sha256:([0-9a-f]{64})\nsize (\d{1,15})\n$/;

/** The pointer that a file is, or null for any other content. */
export function parsePointer(content: Buffer): LfsPointer | null {
  if (!mayBePointer(content.length)) return null;
  const [, oid = '', size = ''] = shape.exec(content.toString('utf8')) ?? [];
  return oid === '' ? null : { oid, size: Number(size) };
}

/** The text of a pointer, as git-lfs itself writes it. */
export function pointerText({ oid, size }: LfsPointer): string {
  return `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${size}\n`;
}

/** True for the length of a file that a pointer can have. */
export function mayBePointer(bytes: number): boolean {
  return bytes >= MIN_POINTER_BYTES && bytes <= MAX_POINTER_BYTES;
}
