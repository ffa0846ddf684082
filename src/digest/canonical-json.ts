import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { HoldfastError } from '../domain/failure.ts';

/** The canonical JSON of a value, as RFC 8785 defines it; what is undefined is left out. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  if (text === undefined) throw new HoldfastError('INTERNAL', 'The value has no JSON.');
  return text;
}

/** The value of a JSON text; undefined when it is none. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** SHA-256 of some bytes, as `sha256:` and hex: also the id of the blob that holds them. */
export function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
