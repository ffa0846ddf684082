import {
  isGrpcServiceError,
  ServiceError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  type Client,
  type WorkflowHandle,
} from '@temporalio/client';
import {
  ApplicationFailure,
  defineSearchAttributeKey,
  SearchAttributeType,
  type UpdateDefinition,
  type SignalDefinition,
} from '@temporalio/common';
import { HoldfastError, isFailureCode, type Failure } from '../domain/failure.ts';
import { workflowIdOf, type SessionView } from '../domain/session.ts';
import { faultPoint } from '../fault-point.ts';
import type { SessionRecord } from '../store/sessions.ts';
import type { Store } from '../store/store.ts';
import type { SessionInput } from '../workflows/input.ts';
import * as messages from '../workflows/messages.ts';
import { searchAttributes } from '../workflows/search-attributes.ts';

const CALL_MS = 5_000;
const EXECUTE_MS = 60_000;
const keys = {
  state: defineSearchAttributeKey(searchAttributes.state, SearchAttributeType.KEYWORD),
  tenant: defineSearchAttributeKey(searchAttributes.tenant, SearchAttributeType.KEYWORD),
  repository: defineSearchAttributeKey(searchAttributes.repository, SearchAttributeType.KEYWORD),
};

/** What a session workflow is started with besides the task itself. */
export interface SessionDefaults {
  readonly taskQueue: string;
  readonly patience: SessionInput['patience'];
  readonly webhook: NonNullable<SessionInput['webhook']>;
  readonly maxHistoryEvents: number;
}

/** What the routes need of a {@link SessionManager}. */
export type Sessions = Pick<
  SessionManager,
  | 'start'
  | 'supplyInfo'
  | 'approve'
  | 'execute'
  | 'pause'
  | 'resume'
  | 'abort'
  | 'untilEnded'
  | 'terminate'
  | 'isReachable'
>;

/** How a message was taken: answered by the workflow, or left with Temporal for when a worker is there. */
export type Told = { readonly kind: 'answered'; readonly view: SessionView } | { readonly kind: 'accepted' };

/** Sessions as Temporal knows them: starts their workflows and brings messages to them. The only user of Temporal's client in the API. */
export class SessionManager {
  readonly #client: Client;
  readonly #store: Store;
  readonly #defaults: SessionDefaults;
  readonly #callMs: number;

  /** @param deps.callMs how long Temporal may take to answer a call; the caller waits meanwhile. */
  constructor(deps: {
    readonly client: Client;
    readonly store: Store;
    readonly defaults: SessionDefaults;
    readonly callMs?: number;
  }) {
    this.#client = deps.client;
    this.#store = deps.store;
    this.#defaults = deps.defaults;
    this.#callMs = deps.callMs ?? CALL_MS;
  }

  /**
   * Starts the workflow of a recorded session; one that is running already is left as it is.
   * @throws HoldfastError TEMPORAL_UNAVAILABLE
   */
  async start(session: SessionRecord): Promise<void> {
    const { id, task, tenant } = session;
    const { taskQueue, patience, webhook, maxHistoryEvents } = this.#defaults;
    const repository = task.source.kind === 'repository' ? task.source.url : task.source.path;
    const input: SessionInput = {
      v: 1,
      sessionId: id,
      auto: task.auto,
      onMissing: task.onMissing,
      ...(task.requireApproval && task.parent === undefined && { requireApproval: true }),
      preflightTimeoutMs: task.preflightTimeoutMs,
      limits: task.limits,
      webhook: task.webhook === null ? null : webhook,
      patience,
      maxHistoryEvents,
    };
    const attributes = [
      { key: keys.state, value: 'INIT' },
      { key: keys.tenant, value: tenant },
      { key: keys.repository, value: repository.slice(0, 255) },
    ];
    await faultPoint('before:workflow-started', id);
    await this.#calling(async () => {
      try {
        await this.#client.workflow.start(messages.sessionWorkflow, {
          workflowId: workflowIdOf(id),
          taskQueue,
          args: [input],
          workflowIdReusePolicy: 'REJECT_DUPLICATE',
          workflowIdConflictPolicy: 'USE_EXISTING',
          typedSearchAttributes: attributes,
          staticSummary: `${repository} (${id})`.slice(0, 200),
        });
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error; // It has run and ended.
      }
    });
    await faultPoint('after:workflow-started', id);
  }

  /** Starts what an API that died had recorded and not started; answers how many. */
  async startOrphans(): Promise<number> {
    let count = 0;
    for (const id of await this.#store.sessions.live()) {
      const session = await this.#store.sessions.find(id);
      if (session === undefined || session.rev > 0) continue;
      await this.start(session);
      count += 1;
    }
    return count;
  }

  /** Asks for the preflight, with what is supplied; answers when it has been checked, or `accepted` after `waitMs`. */
  supplyInfo(session: SessionRecord, info: messages.SupplyInfo, waitMs: number): Promise<Told> {
    return this.#tell(session, messages.supplyInfoUpdate, messages.supplyInfoSignal, info, waitMs);
  }

  /**
   * Asks for the freeze. A refusal is no outcome, so the same request may be made again once the answer is there; but Temporal
   * answers a known update id with what came of it then. What was refused is therefore asked once more under an id of its own.
   * @throws HoldfastError PREFLIGHT_REQUIRED, PREFLIGHT_INCOMPLETE with `details.missingInfo`, APPROVAL_REQUIRED, ALREADY_EXECUTING,
   * SESSION_CLOSED
   */
  async execute(session: SessionRecord, message: messages.Execute): Promise<Told> {
    const { executeUpdate, executeSignal } = messages;
    try {
      return await this.#tell(session, executeUpdate, executeSignal, message, EXECUTE_MS);
    } catch (error) {
      const refused = error instanceof HoldfastError ? error.code : null;
      const mayBeOld = refused === 'PREFLIGHT_INCOMPLETE' || refused === 'APPROVAL_REQUIRED';
      if (!mayBeOld || message.requestId === undefined) throw error;
      return this.#tell(session, executeUpdate, executeSignal, message, EXECUTE_MS, crypto.randomUUID());
    }
  }

  /**
   * Consents to the contract as it stands.
   * @throws HoldfastError PREFLIGHT_REQUIRED, PREFLIGHT_INCOMPLETE, CONTRACT_CHANGED, CONTRACT_FROZEN, SESSION_CLOSED
   */
  approve(session: SessionRecord, message: messages.Approve): Promise<Told> {
    return this.#tell(session, messages.approveUpdate, messages.approveSignal, message, this.#callMs);
  }

  pause(session: SessionRecord, message: messages.Pause): Promise<Told> {
    return this.#tell(session, messages.pauseUpdate, messages.pauseSignal, message, this.#callMs);
  }

  resume(session: SessionRecord, message: messages.Resume): Promise<Told> {
    return this.#tell(session, messages.resumeUpdate, messages.resumeSignal, message, this.#callMs);
  }

  abort(session: SessionRecord, message: messages.Abort): Promise<Told> {
    return this.#tell(session, messages.abortUpdate, messages.abortSignal, message, this.#callMs);
  }

  /**
   * Waits until a session's workflow has ended, clean-up and all: then none of its activities runs any more. Answers false when it has
   * not after `ms`; true for one that Temporal does not know.
   * @throws HoldfastError TEMPORAL_UNAVAILABLE
   */
  async untilEnded(id: string, ms: number): Promise<boolean> {
    try {
      const handle = this.#client.workflow.getHandle(workflowIdOf(id));
      await this.#client.connection.withDeadline(Date.now() + ms, () => handle.result());
      return true;
    } catch (error) {
      if (error instanceof WorkflowFailedError || error instanceof WorkflowNotFoundError) return true;
      if (isTimeout(error)) return false;
      throw translate(error);
    }
  }

  /** Ends a session's workflow for good, without its clean-up: for one that does not end by itself. */
  async terminate(id: string): Promise<void> {
    await this.#calling(async () => {
      try {
        await this.#client.workflow.getHandle(workflowIdOf(id)).terminate('deleted');
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    });
  }

  /** True when Temporal answers. */
  async isReachable(): Promise<boolean> {
    return this.#calling(() => this.#client.workflowService.getSystemInfo({})).then(
      () => true,
      () => false,
    );
  }

  /**
   * Tells by update, which is validated and answers; where no worker takes it in time, by signal, which waits for one.
   * Both carry the same requestId, so that it counts once even if both arrive.
   */
  async #tell<M extends { readonly requestId?: string }>(
    session: SessionRecord,
    update: UpdateDefinition<SessionView, [M]>,
    signal: SignalDefinition<[M]>,
    given: M,
    waitMs: number,
    updateId?: string,
  ): Promise<Told> {
    if (session.rev === 0) await this.start(session); // Healing: the API may have died between recording and starting.
    const message = { ...given, requestId: given.requestId ?? crypto.randomUUID() };
    const handle = this.#client.workflow.getHandle(workflowIdOf(session.id));
    try {
      const deadline = Date.now() + waitMs;
      const updating = this.#client.connection.withDeadline(deadline, () =>
        handle.executeUpdate(update, { args: [message], updateId: updateId ?? message.requestId }),
      );
      return { kind: 'answered', view: await updating };
    } catch (error) {
      if (!isTimeout(error)) throw translate(error);
      return this.#leave(handle, signal, message);
    }
  }

  async #leave<M>(handle: WorkflowHandle, signal: SignalDefinition<[M]>, message: M): Promise<Told> {
    await this.#calling(() => handle.signal(signal, message));
    return { kind: 'accepted' };
  }

  async #calling<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await this.#client.connection.withDeadline(Date.now() + this.#callMs, work);
    } catch (error) {
      throw translate(error);
    }
  }
}

function isTimeout(error: unknown): boolean {
  if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return true;
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) && (cause.code === DEADLINE_EXCEEDED || cause.code === CANCELLED);
}

/** gRPC status codes. */
const CANCELLED = 1;
const DEADLINE_EXCEEDED = 4;

function translate(error: unknown): unknown {
  if (
    error instanceof WorkflowUpdateFailedError &&
    error.cause instanceof ApplicationFailure &&
    isFailureCode(error.cause.type)
  ) {
    const [failure] = (error.cause.details ?? []) as [Failure?];
    return new HoldfastError(
      error.cause.type,
      error.cause.message,
      failure?.details === undefined ? {} : { details: failure.details },
    );
  }
  if (error instanceof WorkflowNotFoundError) return new HoldfastError('SESSION_CLOSED', 'The session has ended.');
  const cause = error instanceof ServiceError ? error.cause : error;
  if (isGrpcServiceError(cause) || error instanceof ServiceError) {
    return new HoldfastError('TEMPORAL_UNAVAILABLE', 'Temporal does not answer.', { cause: error });
  }
  return error;
}
