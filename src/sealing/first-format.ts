import { createDecipheriv, hkdfSync } from 'node:crypto';

const FORMAT = Buffer.from('hfs1');
const SALT_BYTES = 16;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** True for what was sealed before there was a ring of keys. */
export function isFirstFormat(sealed: Uint8Array): boolean {
  return Buffer.from(sealed).subarray(0, FORMAT.length).equals(FORMAT);
}

/** Opens it with whichever of the keys it was; null when it was none of them, or it was changed. */
export function openFirstFormat(masters: readonly Buffer[], sealed: Uint8Array, context: string): Buffer | null {
  const body = Buffer.from(sealed).subarray(FORMAT.length);
  const salt = body.subarray(0, SALT_BYTES);
  const iv = body.subarray(SALT_BYTES, SALT_BYTES + IV_BYTES);
  for (const master of masters) {
    const key = Buffer.from(hkdfSync('sha256', master, salt, 'holdfast secrets', 32));
    const decipher = createDecipheriv('aes-256-gcm', key, iv);
    decipher.setAAD(Buffer.from(context)).setAuthTag(body.subarray(-TAG_BYTES));
    try {
      return Buffer.concat([decipher.update(body.subarray(SALT_BYTES + IV_BYTES, -TAG_BYTES)), decipher.final()]);
    } catch {
      continue;
    }
  }
  return null;
}
