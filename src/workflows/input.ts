import type { Limits, State } from '../domain/session.ts';

/** What a session workflow starts with: ids and choices, never a prompt or a secret. */
export interface SessionInput {
  readonly v: 1;
  readonly sessionId: string;
  /** Goes on by itself whenever nothing is missing. */
  readonly auto: boolean;
  readonly onMissing: 'ask' | 'assume' | 'fail';
  /** Freezes only what a person has approved; absent (as in runs that began before it was there) means no. */
  readonly requireApproval?: boolean;
  readonly preflightTimeoutMs: number;
  readonly limits: Limits;
  /** Delivers a webhook for each announced event; null when the task has none. */
  readonly webhook: { readonly retries: number; readonly backoffMs: number } | null;
  /** How an outage of the model's provider is waited out; after the last try the session pauses. */
  readonly patience: { readonly tries: number; readonly backoffMs: number };
  /** History events after which the workflow continues as new, besides what the server suggests. */
  readonly maxHistoryEvents: number;
  readonly carried?: Carried;
}

/** What a run hands to the next one when it continues as new. */
export interface Carried {
  readonly state: State;
  readonly rev: number;
  readonly limits: Limits;
  readonly inputs: Readonly<Record<string, string>>;
  readonly answers: Readonly<Record<string, string>>;
  readonly seen: readonly string[];
}
