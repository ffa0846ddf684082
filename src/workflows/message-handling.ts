import type { SignalDefinition, UpdateDefinition } from '@temporalio/common';
import { log, setHandler } from '@temporalio/workflow';
import type { Failure } from '../domain/failure.ts';
import type { SessionView } from '../domain/session.ts';
import { refusal } from './failures.ts';

const MAX_SEEN = 500;

/** The requests that were taken already. */
interface Seen {
  readonly seen: Set<string>;
}

/** A message as signal and as update. */
export interface Channels<M> {
  readonly name: string;
  readonly signal: SignalDefinition<[M]>;
  readonly update: UpdateDefinition<SessionView, [M]>;
}

/** Registers a message that is dealt with at once, as signal and as update. */
export function handle<M extends { readonly requestId?: string }>(
  box: Seen,
  view: () => SessionView,
  { name, signal, update }: Channels<M>,
  refuse: (message: M) => Failure | null,
  take: (message: M) => void,
): void {
  setHandler(signal, (message) => deliver(box, name, message, refuse, take));
  const answer = (message: M): SessionView => {
    if (isNew(box, message)) take(message);
    return view();
  };
  setHandler(update, answer, { validator: (message) => validate(box, message, refuse) });
}

/** A signal cannot be refused to its sender: what is malformed or comes at the wrong moment is logged and dropped. */
export function deliver<M extends { readonly requestId?: string }>(
  box: Seen,
  name: string,
  message: M | undefined,
  refuse: (message: M) => Failure | null,
  take: (message: M) => unknown,
): void {
  const given = message ?? ({} as M);
  if (typeof given !== 'object') return log.warn(`Signal ${name} dropped: its argument must be an object.`);
  if (given.requestId !== undefined && box.seen.has(given.requestId)) return;
  const failure = refuse(given);
  if (failure !== null) return log.warn(`Signal ${name} dropped: ${failure.message}`, { code: failure.code });
  if (isNew(box, given)) take(given);
}

export function validate<M extends { readonly requestId?: string }>(
  box: Seen,
  message: M,
  refuse: (message: M) => Failure | null,
): void {
  if (message.requestId !== undefined && box.seen.has(message.requestId)) return;
  const failure = refuse(message);
  if (failure !== null) throw refusal(failure.code, failure.message, failure.details);
}

/** True for a message that was not taken before; remembers it. */
export function isNew(box: Seen, { requestId }: { readonly requestId?: string }): boolean {
  if (requestId === undefined) return true;
  if (box.seen.has(requestId)) return false;
  box.seen.add(requestId);
  for (const oldest of box.seen) {
    if (box.seen.size <= MAX_SEEN) break;
    box.seen.delete(oldest);
  }
  return true;
}

export function forget(box: Seen, { requestId }: { readonly requestId?: string }): void {
  if (requestId !== undefined) box.seen.delete(requestId);
}
