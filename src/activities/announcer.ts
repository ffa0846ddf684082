import { isAnnounced, progressOf, type SessionEvent } from '../domain/events.ts';
import { showPause } from '../domain/pause.ts';
import type { Failure } from '../domain/failure.ts';
import type { Delivered, PauseReason, Phase, Stage } from '../domain/session.ts';
import { faultPoint } from '../fault-point.ts';
import type { GitManager } from '../git/git-manager.ts';
import type { SessionRecord } from '../store/sessions.ts';
import type { Store } from '../store/store.ts';
import { driftsOf } from './drift-watch.ts';

/** A change of state or stage. */
export interface Announcement {
  readonly sessionId: string;
  /** Counts the announcements of a session; makes this one idempotent. */
  readonly rev: number;
  readonly state: Phase;
  readonly stage: Stage;
  /** Epoch milliseconds, as the workflow saw them. */
  readonly at: number;
  readonly pause: PauseReason | null;
  readonly missing: readonly string[];
  readonly failure?: Failure;
  readonly result?: Delivered;
}

/** Writes changes of a session to the records: the event, the read model, and the webhook that is to be delivered. */
export class Announcer {
  readonly #store: Store;
  readonly #git: GitManager;

  constructor(store: Store, git: GitManager) {
    this.#store = store;
    this.#git = git;
  }

  /** Records the change once, however often it is announced; answers the id of the webhook to deliver, if any. */
  async announce(told: Announcement): Promise<{ readonly eventId: string | null }> {
    const change = this.#store.known.of(told.sessionId).json(told);
    const { sessionId, rev, state, stage, at } = change;
    const session = await this.#store.sessions.get(sessionId);
    const type = rev === 1 ? 'started' : 'stage';
    const data = await this.#data(session, change);
    const event = await this.#store.events.append(sessionId, { key: `rev/${rev}`, type, state, stage, at, data });
    await this.#store.sessions.announce(sessionId, change);
    if (state === 'COMPLETE') await faultPoint('before:end-announced', sessionId);
    return { eventId: await this.#address(session, event) };
  }

  async #data(session: SessionRecord, change: Announcement): Promise<Record<string, unknown>> {
    const { stage, missing, pause, failure, result } = change;
    const drift = await driftsOf(this.#store, session.id);
    return {
      progress: progressOf(stage, session.plan).percent,
      plan: session.plan,
      changes: await this.#changes(session),
      ...(session.frozen !== null && { snapshot: session.frozen.digest }),
      ...(drift.length > 0 && { drift }),
      ...(missing.length > 0 && { missingInfo: missing }),
      ...(pause !== null && { pause: showPause(pause) }),
      ...(failure !== undefined && { error: failure }),
      ...(result !== undefined && { result }),
    };
  }

  async #changes({ id, base }: SessionRecord): Promise<string[]> {
    const checkpoint = await this.#store.journal.latest(id);
    if (base === null || checkpoint === null || checkpoint.tree === base.tree) return [];
    const git = this.#git.open(id);
    // Another worker's, or damaged; the news must not wait for it.
    const changes = await git.changes(base.tree, checkpoint.tree).catch(() => []);
    return changes.slice(0, 100).map(({ status, path }) => `${status}: ${path}`);
  }

  async #address({ task }: SessionRecord, event: SessionEvent): Promise<string | null> {
    const { webhook } = task;
    if (webhook === null || !isAnnounced(event.type)) return null;
    if (webhook.events !== null && !webhook.events.includes(event.stage) && !webhook.events.includes(event.state))
      return null;
    const body = webhookBody(task.taskId, event);
    await this.#store.deliveries.add(
      { eventId: event.id, sessionId: event.sessionId, url: webhook.url, body },
      event.at,
    );
    return event.id;
  }
}

function webhookBody(taskId: string, event: SessionEvent): string {
  const { sessionId, seq, type, state, stage, at, data } = event;
  const status = type === 'started' ? 'started' : stage;
  const timestamp = new Date(at).toISOString();
  return JSON.stringify({ task_id: taskId, session_id: sessionId, status, state, timestamp, seq, data });
}
