import type { Phase, Stage } from './session.ts';

/** Something that happened to a session. */
export interface SessionEvent {
  /** `evt_…`; also the `webhook-id`. */
  readonly id: string;
  readonly sessionId: string;
  /** Dense from 1 within a session. */
  readonly seq: number;
  readonly type: EventType;
  readonly state: Phase;
  readonly stage: Stage;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly data: Readonly<Record<string, unknown>>;
}

/**
 * `started` once at the beginning, `stage` at each change of state or stage, the others in between: `blocked_host` once for each host
 * that commands tried to reach and may not, `drift` when the world has moved away from what was frozen.
 */
export type EventType = 'started' | 'stage' | 'plan' | 'turn' | 'blocked_host' | 'drift';

/** The types that are sent to a webhook. */
export function isAnnounced(type: EventType): boolean {
  return type === 'started' || type === 'stage';
}

/** A step of the agent's own plan. */
export interface PlanStep {
  readonly title: string;
  readonly status: 'pending' | 'in_progress' | 'done';
}

const MAX_PLAN_STEPS = 100;
const MAX_TITLE_CHARS = 200;

/** A plan as it is recorded: it stands in every event and webhook from then on, so what an agent writes is cut to a size that fits. */
export function boundedPlan(steps: readonly PlanStep[]): PlanStep[] {
  return steps.slice(0, MAX_PLAN_STEPS).map(({ title, status }) => {
    const line = title.replace(/\s+/g, ' ').trim();
    return { title: line.length <= MAX_TITLE_CHARS ? line : `${line.slice(0, MAX_TITLE_CHARS - 1)}…`, status };
  });
}

/** Progress as shown to people; percent is 0 to 100 and never says 100 before the end. */
export interface Progress {
  readonly current: number;
  readonly total: number;
  readonly percent: number;
}

/** Progress from the plan, or from the stage while there is none. */
export function progressOf(stage: Stage, plan: readonly PlanStep[]): Progress {
  const floor: Record<Stage, number> = {
    pending: 0,
    cloning: 2,
    analyzing: 5,
    awaiting_input: 8,
    awaiting_approval: 9,
    ready: 10,
    coding: 10,
    testing: 85,
    committing: 95,
    completed: 100,
    failed: 0,
    paused: 0,
  };
  const done = plan.filter(({ status }) => status === 'done').length;
  const coding = plan.length === 0 ? 0 : Math.round((done / plan.length) * 75);
  const percent = stage === 'coding' || stage === 'paused' || stage === 'failed' ? 10 + coding : floor[stage];
  return { current: done, total: plan.length, percent };
}
