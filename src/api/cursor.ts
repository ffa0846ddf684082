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
  const [, createdAt, id = ''] = decode(text, /^(\d+) (ses_[0-9a-z]+)$/);
  return { createdAt: Number(createdAt), id };
}

/** Where a list of checkpoints goes on: below this turn. */
export function encodeTurn(turn: number): string {
  return Buffer.from(`turn ${turn}`).toString('base64url');
}

/** @throws HoldfastError INVALID_REQUEST for anything that was not made here. */
export function decodeTurn(text: string): number {
  return Number(decode(text, /^turn (\d{1,15})$/)[1]);
}

function decode(text: string, pattern: RegExp): RegExpExecArray {
  const found = pattern.exec(Buffer.from(text, 'base64url').toString('utf8'));
  if (found === null) throw invalid([{ path: 'cursor', message: 'is not a cursor of this list' }]);
  return found;
}
