import { createHash } from 'node:crypto';
import type { Snapshot } from '../domain/snapshot.ts';
import type { SubAgentCall, SubAgentSnapshot } from '../domain/sub-agent.ts';
import type { Thread } from '../store/journal.ts';
import type { Store } from '../store/store.ts';
import { canonicalJson, digestOf } from '../digest/canonical-json.ts';

/** What is recorded of a session's sub-agents: each has a snapshot of its own, and a thread of the journal. */
export class SubAgentRecords {
  readonly #store: Store;
  readonly #parent: Snapshot;

  constructor(store: Store, parent: Snapshot) {
    this.#store = store;
    this.#parent = parent;
  }

  /** The id of a call's sub-agent: always the same for the same call. */
  idOf({ turn, callId }: Pick<SubAgentCall, 'turn' | 'callId'>): string {
    const call = canonicalJson([this.#parent.sessionId, turn, callId]);
    return `tsk_${createHash('sha256').update(call).digest('hex').slice(0, 24)}`;
  }

  /** Freezes what was agreed, if nothing of the sub-agent is recorded yet, and answers what it has done so far. */
  async open(call: SubAgentCall): Promise<Thread> {
    const { sessionId } = this.#parent;
    const task = this.idOf(call);
    const thread = await this.#store.journal.thread(sessionId, task);
    if (thread.entries.length + thread.tail.length > 0) return thread;
    const { artifacts } = this.#store;
    await artifacts.put(
      sessionId,
      snapshotOf(task),
      'application/json',
      canonicalJson(this.#freeze(task, call)),
      Date.now(),
    );
    return thread;
  }

  #freeze(task: string, call: SubAgentCall): SubAgentSnapshot {
    const parent = digestOf(canonicalJson(this.#parent));
    const systemPrompt = digestOf(call.systemPrompt);
    return { ...call, version: 1, sessionId: this.#parent.sessionId, task, parent, systemPrompt };
  }
}

/** The artifact that holds a sub-agent's snapshot. */
function snapshotOf(task: string): string {
  return `tasks/${task}/snapshot.json`;
}
