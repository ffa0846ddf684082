import type { DeliveryKind } from './delivery.ts';
import type { Failure } from './failure.ts';
import type { ForgeKind } from './forge.ts';

/** The diagram. FAILED is reachable from every live phase and is entered only by throwing. */
export const transitions = {
  INIT: ['CONTRACT_SYNTHESIS', 'PAUSED'],
  CONTRACT_SYNTHESIS: ['PREFLIGHT', 'PAUSED'],
  PREFLIGHT: ['FROZEN'],
  FROZEN: ['EXECUTING'],
  EXECUTING: ['EXECUTING', 'PAUSED', 'COMPLETE'],
  PAUSED: ['INIT', 'CONTRACT_SYNTHESIS', 'EXECUTING'],
} as const;

/** A phase that the session can leave. */
export type LivePhase = keyof typeof transitions;
/** A phase of the diagram. */
export type Phase = LivePhase | 'COMPLETE' | 'FAILED';
/** The phases that may follow P. */
export type Next<P extends LivePhase> = (typeof transitions)[P][number];
/** The phases that can be paused, and to which `resume` returns. */
export type PausablePhase = (typeof transitions)['PAUSED'][number];

/** All phases, in the order of the diagram. */
export const phases = [...(Object.keys(transitions) as LivePhase[]), 'COMPLETE', 'FAILED'] as const satisfies Phase[];

/** Where a session is, finer than the phase; for people and webhooks. */
export const stages = [
  'pending',
  'cloning',
  'analyzing',
  'awaiting_input',
  'awaiting_approval',
  'ready',
  'coding',
  'testing',
  'committing',
  'completed',
  'failed',
  'paused',
] as const;
export type Stage = (typeof stages)[number];

/** The commit that a session starts from; ids are git object ids in hex. */
export interface Base {
  readonly commit: string;
  readonly tree: string;
  /** The branch, tag or commit that was asked for, as it was resolved. */
  readonly ref: string;
}

/** What the freeze fixed. */
export interface Frozen {
  /** `sha256:` and 64 hex digits. */
  readonly digest: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly filesFrozen: number;
  readonly toolsWhitelisted: readonly string[];
}

/** How far the execution is. The records hold the checkpoint itself; this is only what the workflow decides by. */
export interface Execution {
  readonly base: Base;
  readonly frozen: Frozen;
  /** Ordinal of the next chunk. */
  readonly chunk: number;
  /** Turns committed so far. */
  readonly turns: number;
  /** The tree of the checkpoint of that turn; the records must say the same. */
  readonly tree?: string;
  /** Verification rounds that came back red. */
  readonly iteration: number;
  /** Blob id of the evidence that the next chunk must show to the agent, or null. */
  readonly feedback: string | null;
}

/** Where the result was delivered. */
export interface Delivered {
  readonly kind: DeliveryKind;
  readonly branch: string | null;
  /** The commit that carries the result. */
  readonly commit: string;
  readonly tree: string;
  /** False when no acceptance command was run. */
  readonly verified: boolean;
  readonly pullRequest?: DeliveredRequest;
}

/** The pull request that carries a result. */
export interface DeliveredRequest {
  readonly forge: ForgeKind;
  readonly number: number;
  readonly url: string;
  readonly draft: boolean;
  /** What the forge did not take of it, in words; nothing that the result depends on. */
  readonly notes: string[];
}

/** Why a session waits for `resume`. */
export type PauseReason = Failure | { readonly code: 'OPERATOR'; readonly message: string; readonly remedy: string };

interface Known {
  INIT: object;
  CONTRACT_SYNTHESIS: { base: Base };
  PREFLIGHT: { base: Base };
  FROZEN: { base: Base; frozen: Frozen };
  EXECUTING: Execution;
  PAUSED: { resumeTo: State<PausablePhase>; reason: PauseReason };
  COMPLETE: { frozen: Frozen; delivered: Delivered };
  FAILED: { failure: Failure; from: LivePhase };
}

/** A phase with exactly what is known in it: it cannot be entered without. */
export type State<P extends Phase = Phase> = { [K in P]: { readonly phase: K } & Readonly<Known[K]> }[P];

/** True while the session can still move. */
export function isLive(state: State): state is State<LivePhase> {
  return state.phase !== 'COMPLETE' && state.phase !== 'FAILED';
}

/** True for a phase of which a pause remembers where it came from. */
export function isPausable(state: State): state is State<PausablePhase> {
  return (transitions.PAUSED as readonly Phase[]).includes(state.phase);
}

/** Limits of one session; all of them can be raised when it is resumed. */
export interface Limits {
  /** Turns of the agent. */
  readonly maxSteps: number;
  /** Verification rounds whose red evidence goes back to the agent. */
  readonly maxIterations: number;
  readonly maxTokens?: number | undefined;
  readonly maxCostUsd?: number | undefined;
  /** Wall time of execution, in milliseconds, pauses not counted. */
  readonly maxWallMs?: number | undefined;
}

const leastLimits: Readonly<Record<keyof Limits, number>> = {
  maxSteps: 1,
  maxIterations: 0,
  maxTokens: 1,
  maxCostUsd: Number.MIN_VALUE,
  maxWallMs: 1000,
};

/** What is wrong with limits that come from outside, in words; empty when nothing is. */
export function limitFaults(given: unknown): string[] {
  if (given === undefined) return [];
  if (typeof given !== 'object' || given === null) return ['limits: must be an object.'];
  return Object.entries(given).flatMap(([name, value]) => {
    const least = Object.hasOwn(leastLimits, name) ? leastLimits[name as keyof Limits] : undefined;
    if (least === undefined) return [`limits.${name}: there is no such limit.`];
    return Number.isFinite(value) && value >= least ? [] : [`limits.${name}: must be a number, at least ${least}.`];
  });
}

/** The public view of a running session: what the query `view` and every update answer. */
export interface SessionView {
  readonly sessionId: string;
  readonly state: Phase;
  readonly stage: Stage;
  /** Counts the changes of state and stage. */
  readonly rev: number;
  readonly turns: number;
  readonly iteration: number;
  readonly missing: readonly string[];
  /** Digest of the contract as it was last checked; null before that. */
  readonly contract: string | null;
  readonly digest: string | null;
  readonly pause: PauseReason | null;
  readonly failure: Failure | null;
}

/** The id of the workflow that is this session. */
export function workflowIdOf(sessionId: string): string {
  return `session/${sessionId}`;
}

/** The work branch of a session when the task names none. */
export function workBranchOf(sessionId: string): string {
  return `feat/ai-task-${sessionId.replace(/^ses_/, '')}`;
}
