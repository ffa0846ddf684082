import { invalid } from './errors.ts';

/** Where a list goes on; opaque to callers. */
export interface Cursor {
  readonly createdAt: number;
  readonly id: string;
}

export function encodeCursor({ createdAt, id }: Cursor): string {
  return Buffer.from(`${createdAt} ${id}`).toString('base64url');
}

/** @throws HoldfastError INVALID_REQUEST for anything that was not made here. */
export function decodeCursor(text: string): Cursor {
  const found = /^(\d+) (ses_[0-9a-z]+)$/.exec(Buffer.from(text, 'base64url').toString('utf8'));
  if (found === null) throw invalid([{ path: 'cursor', message: 'is not a cursor of this list' }]);
  return { createdAt: Number(found[1]), id: found[2] ?? '' };
}
