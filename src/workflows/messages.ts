import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Limits, SessionView } from '../domain/session.ts';

/** Every message may carry an id; a repeated one changes nothing and answers the current view. */
interface Message {
  readonly requestId?: string;
}

/** Information for the preflight; without any it only asks for the preflight. */
export interface SupplyInfo extends Message {
  /** Values of required inputs, by name. */
  readonly inputs?: Readonly<Record<string, string>>;
  /** Answers to questions, by question id. */
  readonly answers?: Readonly<Record<string, string>>;
}

/** Asks for the freeze. */
export type Execute = Message;

/** Asks the session to wait between two turns. */
export interface Pause extends Message {
  readonly reason?: string;
}

/** Lets a paused session go on, with higher limits if some are given. */
export interface Resume extends Message {
  readonly limits?: Partial<Limits>;
}

/** Ends the session; the work is kept. */
export interface Abort extends Message {
  readonly reason?: string;
}

/** The name of the workflow type: a wire contract. */
export const sessionWorkflow = 'session';

export const supplyInfoSignal = defineSignal<[SupplyInfo]>('supplyInfo');
export const executeSignal = defineSignal<[Execute]>('execute');
export const pauseSignal = defineSignal<[Pause]>('pause');
export const resumeSignal = defineSignal<[Resume]>('resume');
export const abortSignal = defineSignal<[Abort]>('abort');

/** Answers when what was supplied has been checked, with what is still missing. */
export const supplyInfoUpdate = defineUpdate<SessionView, [SupplyInfo]>('supplyInfo');
/** Answers when the snapshot is frozen; fails with PREFLIGHT_REQUIRED, PREFLIGHT_INCOMPLETE or ALREADY_EXECUTING. */
export const executeUpdate = defineUpdate<SessionView, [Execute]>('execute');
export const pauseUpdate = defineUpdate<SessionView, [Pause]>('pause');
export const resumeUpdate = defineUpdate<SessionView, [Resume]>('resume');
export const abortUpdate = defineUpdate<SessionView, [Abort]>('abort');

export const viewQuery = defineQuery<SessionView>('view');
