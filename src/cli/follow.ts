import { exitCodeOf } from './exit-codes.ts';
import type { HoldfastClient, Session } from './client.ts';

const POLL_MS = 500;

interface EventItem {
  readonly seq: number;
  readonly type: string;
  readonly state: string;
  readonly stage: string;
  readonly at: number;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Follows a session until it ends or waits for somebody; each event is told once. Answers the session as it stands then. */
export async function follow(
  client: HoldfastClient,
  id: string,
  tell: (line: string) => void,
  waits: boolean,
): Promise<Session> {
  let afterSeq = 0;
  for (;;) {
    const session = await client.session(id);
    afterSeq = await tellEvents(client, id, afterSeq, tell);
    const code = exitCodeOf(session);
    const over = session.state === 'COMPLETE' || session.state === 'FAILED';
    if (over || (code !== null && !waits)) return session;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Tells the events after a sequence number; answers the last one's. */
export async function tellEvents(
  client: HoldfastClient,
  id: string,
  afterSeq: number,
  tell: (line: string) => void,
): Promise<number> {
  const { items } = await client.call<{ items: EventItem[] }>(
    'GET',
    `/api/sessions/${encodeURIComponent(id)}/events?afterSeq=${afterSeq}`,
  );
  for (const event of items) tell(lineOf(event));
  return items.at(-1)?.seq ?? afterSeq;
}

function lineOf({ at, state, stage, type, data }: EventItem): string {
  const time = new Date(at).toISOString().slice(11, 19);
  if (type === 'turn') return `${time}  turn ${String(data['turn'])}`;
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
