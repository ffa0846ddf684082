import { systemPromptFor } from '../agent/system-prompt.ts';
import { digestOf } from '../digest/canonical-json.ts';
import { HoldfastError } from '../domain/failure.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { GitManager } from '../git/git-manager.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { SessionRecord } from '../store/sessions.ts';
import { holdfastVersion, piVersion } from '../version.ts';
import type { Credentials } from './credentials.ts';
import type { SnapshotBuilder } from './snapshot-builder.ts';

/** What a fork is agreed from. */
export interface ForkParts {
  readonly git: GitManager;
  readonly sandbox: Sandbox;
  readonly credentials: Credentials;
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
   * @throws HoldfastError REPOSITORY_AUTH_FAILED, REPOSITORY_UNREACHABLE; both pause, and a token can be given with `resume`.
   */
  async assertDeliverable({ id, task, base }: SessionRecord, signal: AbortSignal): Promise<void> {
    if (task.delivery !== 'branch' || base === null) return;
    const credentials = await this.#parts.credentials.git(id);
    const branch = { source: task.source, branch: task.branch, signal, ...(credentials && { credentials }) };
    await this.#parts.git.probePush({ sessionId: id, commit: base.commit, ...branch });
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
      limits: task.limits,
      systemPrompt: digestOf(systemPromptFor(agreed)),
      sandbox: { ...agreed.sandbox, kind: this.#parts.sandbox.kind },
      versions: { holdfast: holdfastVersion, pi: piVersion },
      createdAt: at,
      parent,
    };
  }
}
