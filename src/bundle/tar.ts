/**
 * The part of the tar format (POSIX.1-1988 ustar) that a bundle needs: plain files with fixed owner, mode and time. The same files in
 * the same order are the same bytes, and every byte of an archive follows from names, sizes and contents: nothing in it is free.
 */
export const TAR_BLOCK = 512;

/** What ends an archive. */
export const tarEnd: Buffer = Buffer.alloc(2 * TAR_BLOCK);

/** Most bytes of one file: eleven octal digits. */
const MAX_SIZE = 0o77777777777;

/** True for a name that an archive can hold and that leads nowhere else when it is unpacked. */
export function isTarName(name: string): boolean {
  const plain = /^[A-Za-z0-9_][A-Za-z0-9._-]*(\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/.test(name);
  return plain && name.length <= 100;
}

/** The header of a file. @throws RangeError for a name or size that an archive cannot hold. */
export function tarHeader(name: string, size: number): Buffer {
  if (!isTarName(name) || size > MAX_SIZE)
    throw new RangeError(`${name} (${size} bytes) cannot be put into an archive.`);
  const header = Buffer.alloc(TAR_BLOCK);
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, '0')}\0`;
  header.write(name, 0, 'latin1');
  header.write(octal(0o644, 7), 100, 'latin1');
  header.write(octal(0, 7), 108, 'latin1');
  header.write(octal(0, 7), 116, 'latin1');
  header.write(octal(size, 11), 124, 'latin1');
  header.write(octal(0, 11), 136, 'latin1');
  header.write('        0', 148, 'latin1'); // The sum is taken over blanks in its own place; `0` is a plain file.
  header.write('ustar\x0000', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

/** The zeros after a file of this size. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK);
}

/** Name and size of a header; null for anything that {@link tarHeader} does not write. */
export function readTarHeader(header: Buffer): { readonly name: string; readonly size: number } | null {
  const end = header.indexOf(0);
  const name = header.toString('latin1', 0, end < 0 || end > 100 ? 100 : end);
  const digits = header.toString('latin1', 124, 135);
  if (!isTarName(name) || !/^[0-7]{11}$/.test(digits)) return null;
  const size = Number.parseInt(digits, 8);
  return tarHeader(name, size).equals(header) ? { name, size } : null;
}
