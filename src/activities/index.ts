import { ApplicationFailure, Context, type Info } from '@temporalio/activity';
import { ApplicationFailureCategory } from '@temporalio/common';
import { HoldfastError, isModelOutage, toFailure, type Failure } from '../domain/failure.ts';
import type { Base, Delivered, Frozen, State } from '../domain/session.ts';
import type { Approval } from '../domain/waiver.ts';
import { redactedError } from '../redaction/redacted-error.ts';
import type { Redactor } from '../redaction/redactor.ts';
import type { Claimant } from '../store/journal.ts';
import type { Store } from '../store/store.ts';
import type { Announcement, Announcer } from './announcer.ts';
import type { Preflight, PreflightCheck, Supplied } from './preflight.ts';
import { whileItMoves } from './progress-watch.ts';
import type { ChunkRequest, Result, SessionExecution } from './session-execution.ts';
import type { SourceImporter } from './source-importer.ts';
import type { WebhookClient } from './webhook-client.ts';

/** What the activities are made of; one instance each per worker. */
export interface ActivityDependencies {
  readonly store: Store;
  readonly announcer: Announcer;
  readonly sources: SourceImporter;
  readonly preflight: Preflight;
  readonly execution: SessionExecution;
  readonly webhooks: WebhookClient;
  /** Resolves when Temporal can be told how an activity ended, or when the signal is aborted. */
  readonly untilAnswering: (signal: AbortSignal) => Promise<void>;
  /** After so long without any progress, in milliseconds, a chunk is given up and tried again. */
  readonly stallMs: number;
}

/** What the server's own checks said; the details are artifacts. */
export interface VerificationOutcome {
  readonly accepted: boolean;
  readonly verified: boolean;
  /** One line for people. */
  readonly summary: string;
  /** Blob of what the agent is to be shown, when it is not accepted. */
  readonly evidence: string | null;
}

/** The activities by name, each one line: ids and digests in, ids and digests out. The names are wire contracts. */
export function createActivities(deps: ActivityDependencies) {
  const { announcer, execution, preflight, sources, stallMs, store, webhooks } = deps;
  const effect = effectsOf(deps);
  /** On the files of a session, which are built anew where they are damaged. */
  const onFiles = <I extends { readonly sessionId: string }, O>(work: Work<I, O>, maxFailures?: MaxFailures) =>
    effect<I, O>((input, signal) => sources.withFiles(input.sessionId, signal, () => work(input, signal)), maxFailures);
  return {
    announce: effect((change: Announcement) => announcer.announce(change), 'until it succeeds'),
    prepareSource: effect(
      ({ sessionId }: { sessionId: string }, signal): Promise<Base> => sources.prepare(sessionId, signal),
      REMOTE_FAILURES,
    ),
    synthesizeContract: onFiles(
      ({ sessionId }: { sessionId: string }, signal) => preflight.synthesize(sessionId, signal),
      SYNTHESIS_FAILURES,
    ),
    checkPreflight: onFiles(
      (info: Supplied, signal): Promise<PreflightCheck> => preflight.check(info, signal),
      'until it succeeds',
    ),
    freezeSnapshot: onFiles(
      (info: Supplied & { at: number; approval?: Approval }, signal): Promise<Frozen> => preflight.freeze(info, signal),
      'until it succeeds',
    ),
    runChunk: onFiles((chunk: ChunkRequest, signal) =>
      whileItMoves(stallMs, signal, (ending, moved) =>
        execution.runChunk({ ...chunk, claimant: claimantOf(Context.current().info) }, ending, moved),
      ),
    ),
    verify: onFiles((result: Result & { iteration: number }, signal) => execution.verify(result, signal)),
    deliver: onFiles(
      (result: Result & { verified: boolean }, signal): Promise<Delivered> => execution.deliver(result, signal),
      REMOTE_FAILURES,
    ),
    holdSession: effect(async ({ sessionId, held }: { sessionId: string; held: boolean }) => {
      await store.sessions.setHeld(sessionId, held);
    }, 'until it succeeds'),
    checkStorage: effect<{ sessionId: string }, void>(() => store.check(), 'until it succeeds'),
    conclude: effect(
      ({ sessionId, ended }: { sessionId: string; ended: State<'COMPLETE' | 'FAILED'> }, signal) =>
        execution.conclude(sessionId, ended, signal),
      'until it succeeds',
    ),
    cleanUp: effect(({ sessionId }: { sessionId: string }) => execution.cleanUp(sessionId), 'until it succeeds'),
    sendWebhook: effect(({ eventId }: { eventId: string }) => webhooks.send(eventId)),
    buryWebhook: effect(({ eventId }: { eventId: string }) => webhooks.bury(eventId), 'until it succeeds'),
  };
}

/** The activities as the workflows know them. */
export type Activities = ReturnType<typeof createActivities>;

const HEARTBEAT_MS = 1000;
/** After so many failures, trouble of our own that will not pass is shown to somebody instead of being tried for ever. */
const PATIENT_FAILURES = 10;
/** Git against a remote: then somebody must look. */
const REMOTE_FAILURES = 3;
const SYNTHESIS_FAILURES = 5;
/** A disk that is full seldom empties itself within a minute; the session pauses and goes on when it can be written again. */
const STORAGE_FAILURES = 4;

type Work<I, O> = (input: I, signal: AbortSignal) => Promise<O>;
type MaxFailures = number | 'until it succeeds';

/**
 * Makes a function that makes a plain function an activity: it heartbeats, hears of cancellation, and fails in the words of Temporal.
 * Nothing that it gives or fails with has a secret in it: Temporal keeps both.
 * Failures are counted here and handed on by the heartbeats: Temporal counts attempts, and one whose worker died has not failed.
 */
function effectsOf({ store, untilAnswering }: Pick<ActivityDependencies, 'store' | 'untilAnswering'>) {
  return <I, O>(work: Work<I, O>, maxFailures: MaxFailures = PATIENT_FAILURES): ((input: I) => Promise<O>) =>
    async (input) => {
      const context = Context.current();
      const signal = context.cancellationSignal;
      let failures = Number(context.info.heartbeatDetails ?? 0);
      const pump = setInterval(() => context.heartbeat(failures), HEARTBEAT_MS);
      try {
        await learnSecrets(store, input);
        return redactorFor(store, input).json(await work(input, signal));
      } catch (error) {
        if (signal.aborted) throw signal.reason; // Pause and reset are told apart from cancellation by this reason.
        if (!isWait(error)) failures += 1;
        context.heartbeat(failures);
        const isFinal = ({ code }: Failure) => isEnough(code, failures, maxFailures);
        throw toApplicationFailure(error, isFinal, redactorFor(store, input));
      } finally {
        await untilAnswering(signal); // Else the end would be dropped, and the work tried again after the heartbeat timeout.
        clearInterval(pump);
      }
    };
}

/** The attempt that runs here; ids of activities are unique within a run of a workflow. */
function claimantOf({ activityId, attempt, workflowExecution }: Info): Claimant {
  return { work: `${workflowExecution?.runId}/${activityId}`, attempt };
}

function isEnough(code: Failure['code'], failures: number, max: number | 'until it succeeds'): boolean {
  if (max === 'until it succeeds' || code === 'STALE_ATTEMPT' || code === 'FORGE_RATE_LIMITED') return false;
  return failures >= (code === 'STORAGE_FAILED' ? Math.min(STORAGE_FAILURES, max) : max);
}

/** True for a failure that is only a request to come back later: Temporal's timer waits, over any crash. */
function isWait(error: unknown): boolean {
  return error instanceof HoldfastError && error.code === 'FORGE_RATE_LIMITED';
}

/** What this process is not to let out of the session that an activity is about. */
function redactorFor({ known }: Store, input: unknown): Redactor {
  const { sessionId } = Object(input) as { readonly sessionId?: string };
  return sessionId === undefined ? known.all() : known.of(sessionId);
}

async function learnSecrets({ secrets }: Store, input: unknown): Promise<void> {
  const { sessionId } = Object(input) as { readonly sessionId?: string };
  if (sessionId !== undefined) await secrets.learn(sessionId);
}

function toApplicationFailure(
  error: unknown,
  isFinal: (failure: Failure) => boolean,
  redactor: Redactor,
): ApplicationFailure {
  const failure = redactor.json(toFailure(error));
  const retryAfterMs = error instanceof HoldfastError ? error.retryAfterMs : undefined;
  // An outage of the provider is waited out by the workflow, which counts the tries and can be paused meanwhile.
  const outage = isModelOutage(failure);
  const expected = outage || failure.class !== 'system';
  return ApplicationFailure.create({
    message: failure.message,
    type: failure.code,
    nonRetryable: outage || !failure.retryable || isFinal(failure),
    details: [failure, retryAfterMs ?? null],
    // No wait at all would be none to Temporal, and the end of the tries.
    ...(retryAfterMs !== undefined && { nextRetryDelay: Math.max(retryAfterMs, 1) }),
    ...(expected && { category: ApplicationFailureCategory.BENIGN }),
    ...(error instanceof Error && { cause: redactedError(error, redactor) }),
  });
}
