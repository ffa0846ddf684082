import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';

/**
 * Activities by kind of work. All heartbeat every second, so that a cancellation reaches them at once;
 * an attempt whose worker died is handed back when the worker starts again, long before the heartbeat is missed.
 */
const alive = {
  heartbeatTimeout: '60s',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
} as const;

/**
 * Of work that takes moments. An attempt may have been handed to a worker that is stopped, or into a connection that just broke: nobody
 * knows it was lost, and only its silence tells.
 */
export const MOMENTS = '15s';

/** Writes to the records: tried until they succeed, for nothing may happen unrecorded. */
export const recording = proxyActivities<Activities>({
  startToCloseTimeout: '1m',
  heartbeatTimeout: MOMENTS,
  retry: { initialInterval: '200ms', maximumInterval: '30s' },
});

/**
 * Git against a remote. The activity counts its failures and gives up after three; an attempt that died with its worker is none, but
 * work that kills one worker after the other must end some time. A large repository over a slow line takes hours, and lives.
 */
export const sourcing = proxyActivities<Activities>({
  ...alive,
  startToCloseTimeout: '6h',
  retry: { initialInterval: '2s', maximumAttempts: 20 },
});

/** One model call; an outage is waited out by the workflow, where the wait can be seen and costs no slot. */
export const analyzing = proxyActivities<Activities>({
  ...alive,
  startToCloseTimeout: '10m',
  retry: { initialInterval: '1s', maximumAttempts: 20 },
});

/** Deterministic work on the server: probes and the freeze. */
export const checking = proxyActivities<Activities>({
  ...alive,
  startToCloseTimeout: '10m',
  retry: { initialInterval: '500ms', maximumInterval: '30s' },
});

/** A chunk of the agent's turns: any attempt goes on where the last one got to, so a lost worker is no reason to give up. */
export const executing = proxyActivities<Activities>({
  ...alive,
  startToCloseTimeout: '2h',
  retry: { initialInterval: '1s', maximumInterval: '30s' },
});

/** Acceptance commands in clean trees. */
export const verifying = proxyActivities<Activities>({
  ...alive,
  startToCloseTimeout: '12h',
  retry: { initialInterval: '1s', maximumAttempts: 20 },
});

/** Asks whether the store can be written again: until it can, or the question is withdrawn. */
export const curing = proxyActivities<Activities>({
  startToCloseTimeout: '1m',
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  retry: { initialInterval: '5s', maximumInterval: '1m' },
});

/** The end of a session: artifacts first, then what is disposable goes. */
export const concluding = proxyActivities<Activities>({
  startToCloseTimeout: '10m',
  heartbeatTimeout: '60s',
  retry: { initialInterval: '500ms', maximumInterval: '30s' },
});
