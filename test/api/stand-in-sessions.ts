import type { Sessions, Told } from '../../src/api/session-manager.ts';
import { HoldfastError } from '../../src/domain/failure.ts';
import type { SessionChange, SessionRecord } from '../../src/store/sessions.ts';
import type { Store } from '../../src/store/store.ts';

/** What the workflow's side does about a message; it answers with a change to announce, or throws its refusal. */
export type Reaction = (session: SessionRecord, message: object) => Promise<Partial<SessionChange> | undefined | void>;

/** A Temporal's side without Temporal: it writes down what was sent and announces what a test wants to have happened. */
export class StandInSessions implements Sessions {
  readonly sent: { readonly kind: string; readonly id: string; readonly message?: object }[] = [];
  away = false;
  readonly #store: Store;
  readonly #reactions: Readonly<Record<string, Reaction>>;

  constructor(store: Store, reactions: Readonly<Record<string, Reaction>> = {}) {
    this.#store = store;
    this.#reactions = reactions;
  }

  async start(session: SessionRecord): Promise<void> {
    await this.#take('start', session);
  }

  supplyInfo = (session: SessionRecord, message: object): Promise<Told> => this.#take('supplyInfo', session, message);
  approve = (session: SessionRecord, message: object): Promise<Told> => this.#take('approve', session, message);
  execute = (session: SessionRecord, message: object): Promise<Told> => this.#take('execute', session, message);
  pause = (session: SessionRecord, message: object): Promise<Told> => this.#take('pause', session, message);
  resume = (session: SessionRecord, message: object): Promise<Told> => this.#take('resume', session, message);
  abort = (session: SessionRecord, message: object): Promise<Told> => this.#take('abort', session, message);

  async untilEnded(id: string): Promise<boolean> {
    if (this.away) throw new HoldfastError('TEMPORAL_UNAVAILABLE', 'Temporal does not answer.');
    return ['COMPLETE', 'FAILED'].includes((await this.#store.sessions.get(id)).state);
  }

  async terminate(id: string): Promise<void> {
    this.sent.push({ kind: 'terminate', id });
  }

  async isReachable(): Promise<boolean> {
    return !this.away;
  }

  /** What the workflow would announce next. */
  async announce(id: string, change: Partial<SessionChange>): Promise<void> {
    const { rev, state, stage } = await this.#store.sessions.get(id);
    const next = { rev: rev + 1, state, stage, pause: null, at: Date.now(), ...change };
    await this.#store.sessions.announce(id, next);
  }

  async #take(kind: string, session: SessionRecord, message: object = {}): Promise<Told> {
    if (this.away) throw new HoldfastError('TEMPORAL_UNAVAILABLE', 'Temporal does not answer.');
    this.sent.push({ kind, id: session.id, message });
    const change = await this.#reactions[kind]?.(session, message);
    if (change) await this.announce(session.id, change);
    const { id: sessionId, state, stage, rev, pause, failure } = await this.#store.sessions.get(session.id);
    const known = { turns: 0, iteration: 0, missing: [], contract: null, digest: null };
    const view = { sessionId, state, stage, rev, pause, failure, ...known };
    return { kind: 'answered', view };
  }
}
