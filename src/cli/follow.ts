import { exitCodeOf } from './exit-codes.ts';
import { RefusedError, UnreachableError, type HoldfastClient, type Session } from './client.ts';

const POLL_MS = 500;
/** How long a server may be away before following it is given up: a restart takes seconds. */
const PATIENCE_MS = 60_000;
const EVENTS_PER_CALL = 1000;

interface EventItem {
  readonly seq: number;
  readonly type: string;
  readonly state: string;
  readonly stage: string;
  readonly at: number;
  readonly data: Readonly<Record<string, unknown>>;
}

/**
 * Follows a session until it ends or, unless this `waits`, needs somebody; each event is told once. Answers the session as it stands
 * then. A server that goes away is waited for: the session goes on without it, or after it is back.
 * @throws UnreachableError, RefusedError when it stays away.
 */
export async function follow(
  client: HoldfastClient,
  id: string,
  tell: (line: string) => void,
  waits: boolean,
): Promise<Session> {
  let afterSeq = 0;
  for (;;) {
    const session = await patiently(() => client.session(id), tell);
    afterSeq = await patiently(() => tellEvents(client, id, afterSeq, tell), tell);
    const code = exitCodeOf(session);
    const over = session.state === 'COMPLETE' || session.state === 'FAILED';
    if (over || (code !== null && !waits)) return session;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function patiently<T>(work: () => Promise<T>, tell: (line: string) => void): Promise<T> {
  const end = performance.now() + PATIENCE_MS;
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      const away = error instanceof UnreachableError || (error instanceof RefusedError && error.status >= 500);
      if (!away || performance.now() > end) throw error;
      if (tries === 1) tell('The server is away; waiting for it. The session is not lost.');
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

/** Tells all events after a sequence number; answers the last one's. */
export async function tellEvents(
  client: HoldfastClient,
  id: string,
  afterSeq: number,
  tell: (line: string) => void,
): Promise<number> {
  const path = `/api/sessions/${encodeURIComponent(id)}/events?limit=${EVENTS_PER_CALL}&afterSeq=${afterSeq}`;
  const { items } = await client.call<{ items: EventItem[] }>('GET', path);
  for (const event of items) tell(lineOf(event));
  const last = items.at(-1)?.seq ?? afterSeq;
  return items.length < EVENTS_PER_CALL ? last : tellEvents(client, id, last, tell);
}

function lineOf({ at, state, stage, type, data }: EventItem): string {
  const time = new Date(at).toISOString().slice(11, 19);
  if (type === 'turn') return `${time}  turn ${String(data['turn'])}`;
  if (type === 'drift')
    return `${time}  ATTENTION, ${String(data['what'])} has changed since the freeze: ${String(data['decision'])}`;
  if (type === 'plan') return `${time}  plan: ${planOf(data['plan'])}`;
  const progress = typeof data['progress'] === 'number' ? `  ${data['progress']} %` : '';
  return `${time}  ${state} ${stage}${progress}`;
}

function planOf(plan: unknown): string {
  const steps = Array.isArray(plan) ? (plan as { title: string; status: string }[]) : [];
  const done = steps.filter(({ status }) => status === 'done').length;
  const current = steps.find(({ status }) => status === 'in_progress')?.title;
  return `${done} of ${steps.length} done${current === undefined ? '' : `, at: ${current}`}`;
}
