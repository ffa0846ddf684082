import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Limits, SessionView } from '../domain/session.ts';
import type { Waiver } from '../domain/waiver.ts';

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
  /** Items that the work may start without. */
  readonly waive?: readonly Pick<Waiver, 'kind' | 'name' | 'reason'>[];
  /** Blob of a change of the contract, see ContractEdit. */
  readonly edit?: string;
  /** Who sends this, in their own words; it is noted with waivers. */
  readonly by?: string;
}

/** Consents to the contract as it stands. */
export interface Approve extends Message {
  /** Digest of the contract that was read; the approval of another one is refused. */
  readonly contract?: string;
  readonly by?: string;
}

/** Who a message is from when it does not say. */
export const UNNAMED = 'somebody who gave no name';

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
export const approveSignal = defineSignal<[Approve]>('approve');
export const executeSignal = defineSignal<[Execute]>('execute');
export const pauseSignal = defineSignal<[Pause]>('pause');
export const resumeSignal = defineSignal<[Resume]>('resume');
export const abortSignal = defineSignal<[Abort]>('abort');

/** Answers when what was supplied has been checked, with what is still missing. */
export const supplyInfoUpdate = defineUpdate<SessionView, [SupplyInfo]>('supplyInfo');
/** Fails with PREFLIGHT_REQUIRED, PREFLIGHT_INCOMPLETE or CONTRACT_CHANGED. */
export const approveUpdate = defineUpdate<SessionView, [Approve]>('approve');
/** Answers when the snapshot is frozen; fails with PREFLIGHT_REQUIRED, PREFLIGHT_INCOMPLETE, APPROVAL_REQUIRED or ALREADY_EXECUTING. */
export const executeUpdate = defineUpdate<SessionView, [Execute]>('execute');
export const pauseUpdate = defineUpdate<SessionView, [Pause]>('pause');
export const resumeUpdate = defineUpdate<SessionView, [Resume]>('resume');
export const abortUpdate = defineUpdate<SessionView, [Abort]>('abort');

export const viewQuery = defineQuery<SessionView>('view');
