import { systemPromptFor } from '../agent/system-prompt.ts';
import { digestOf } from '../digest/canonical-json.ts';
import { isPushed } from '../domain/delivery.ts';
import { HoldfastError } from '../domain/failure.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { SessionRecord } from '../store/sessions.ts';
import { holdfastVersion, piVersion } from '../version.ts';
import type { DeliveryProbe } from './delivery-probe.ts';
import type { SnapshotBuilder } from './snapshot-builder.ts';

/** What a fork is agreed from. */
export interface ForkParts {
  readonly sandbox: Sandbox;
  readonly delivery: DeliveryProbe;
  readonly snapshots: SnapshotBuilder;
}

/** The agreement of a fork: its parent's, taken over and frozen anew. No model is asked, and nothing of it can be missing. */
export class ForkAgreement {
  readonly #parts: ForkParts;

  constructor(parts: ForkParts) {
    this.#parts = parts;
  }

  /**
   * Checks, before a model is paid, what the agreement does not hold: that the result can be pushed. The parent's token may be gone.
   * @throws HoldfastError what {@link DeliveryProbe.probe} throws; what is for want of a token or a network pauses, and a token can be
   * given with `resume`.
   */
  async assertDeliverable(session: SessionRecord, signal: AbortSignal): Promise<void> {
    if (isPushed(session.task.delivery) && session.base !== null) await this.#parts.delivery.probe(session, signal);
  }

  /** The parent's snapshot, as this session's own; the same for the same `at`, in epoch milliseconds. */
  async snapshot({ id, task }: SessionRecord, at: number): Promise<Snapshot> {
    const { parent } = task;
    if (parent === undefined) throw new HoldfastError('INTERNAL', `Session ${id} is no fork.`);
    const agreed = await this.#parts.snapshots.load(parent.digest);
    return {
      ...agreed,
      sessionId: id,
      branch: task.branch,
      ...(task.terms !== undefined && { terms: task.terms }),
      limits: task.limits,
      systemPrompt: digestOf(systemPromptFor(agreed)),
      sandbox: { ...agreed.sandbox, kind: this.#parts.sandbox.kind },
      versions: { holdfast: holdfastVersion, pi: piVersion },
      createdAt: at,
      parent,
    };
  }
}
