import { condition, setHandler } from '@temporalio/workflow';
import type { Failure } from '../domain/failure.ts';
import {
  isLive,
  isPausable,
  limitFaults,
  type Limits,
  type PauseReason,
  type SessionView,
  type State,
} from '../domain/session.ts';
import type { Approval, Waiver } from '../domain/waiver.ts';
import { isName, onApprove } from './approval.ts';
import { failureOf, refusal } from './failures.ts';
import type { SessionInput } from './input.ts';
import { deliver, forget, handle, isNew, validate } from './message-handling.ts';
import * as messages from './messages.ts';

const MAX_INFO_CHARS = 16_384;
const MAX_WAIVERS = 100;
const MAX_EDITS = 50;

/** A request for the freeze and what became of it. */
interface ExecuteTicket {
  refusal: Failure | null;
  granted: boolean;
}

/** What has been told to a session and not yet been dealt with. Handlers only write here; the phases read. */
export interface Mailbox {
  readonly inputs: Record<string, string>;
  readonly answers: Record<string, string>;
  readonly waivers: Waiver[];
  /** Blobs of changes of the contract, in the order in which they came. */
  readonly edits: string[];
  readonly seen: Set<string>;
  limits: Limits;
  /** How often information was supplied, and how many of these were checked. */
  supplied: number;
  checked: number;
  execute: ExecuteTicket | null;
  /** The last consent to a contract, which need not be the present one. */
  approval: Approval | null;
  /** A pause that was asked for and has not begun. */
  pause: PauseReason | null;
  /** True once `resume` came, until the paused session has gone on. */
  resumed: boolean;
  /** True when somebody asked for the pause that was on already: it does not end by itself then. */
  stays: boolean;
  abort: string | null;
}

/** What the handlers must know of the session; always its present state. */
export interface Situation {
  state(): State;
  /** True from the moment the freeze began. */
  closed(): boolean;
  readonly view: () => SessionView;
  /** Cancels what is going on: at once for an abort, where it may be broken off for a pause. */
  interrupt(why: 'abort' | 'pause'): void;
}

/** Registers all handlers (call it before the first await) and answers the box they write to. */
export function openMailbox(input: SessionInput, now: Situation): Mailbox {
  const box: Mailbox = {
    inputs: { ...input.carried?.inputs },
    answers: { ...input.carried?.answers },
    waivers: [],
    edits: [],
    seen: new Set(input.carried?.seen),
    limits: input.carried?.limits ?? input.limits,
    supplied: 0,
    checked: 0,
    execute: null,
    approval: null,
    pause: null,
    resumed: false,
    stays: false,
    abort: null,
  };
  setHandler(messages.viewQuery, () => now.view());
  onSupplyInfo(box, now);
  onApprove(box, now);
  onExecute(box, now, input.auto);
  onPause(box, now);
  onResume(box, now);
  onAbort(box, now);
  return box;
}

function onSupplyInfo(box: Mailbox, now: Situation): void {
  const refuse = (message: messages.SupplyInfo): Failure | null => {
    const state = now.state();
    const open =
      state.phase === 'PAUSED'
        ? state.resumeTo.phase !== 'EXECUTING'
        : state.phase !== 'FROZEN' && state.phase !== 'EXECUTING';
    if (!isLive(state)) return failureOf('SESSION_CLOSED', `The session is ${state.phase}.`);
    if (now.closed() || !open)
      return failureOf('CONTRACT_FROZEN', 'The contract is frozen; nothing can be supplied any more.');
    const faulty = [
      ...faultsOf(message.inputs, 'inputs'),
      ...faultsOf(message.answers, 'answers'),
      ...faultsOfWaivers(message, box.waivers.length),
      ...faultsOfEdit(message, box.edits.length),
    ];
    return faulty.length === 0 ? null : failureOf('INVALID_REQUEST', faulty.join(' '));
  };
  const take = (message: messages.SupplyInfo): number => {
    Object.assign(box.inputs, message.inputs);
    Object.assign(box.answers, message.answers);
    const { by = messages.UNNAMED, edit, waive = [] } = message;
    box.waivers.push(...waive.map(({ kind, name, reason }) => ({ kind, name, reason, by, at: Date.now() })));
    if (edit !== undefined) box.edits.push(edit);
    return ++box.supplied;
  };
  setHandler(messages.supplyInfoSignal, (message) => deliver(box, 'supplyInfo', message, refuse, take));
  setHandler(
    messages.supplyInfoUpdate,
    async (message) => {
      if (isNew(box, message)) {
        const mine = take(message);
        await condition(() => box.checked >= mine || now.state().phase === 'PAUSED' || !isLive(now.state()));
      }
      return now.view();
    },
    { validator: (message) => validate(box, message, refuse) },
  );
}

function onExecute(box: Mailbox, now: Situation, auto: boolean): void {
  const refuse = (): Failure | null => {
    const state = now.state();
    if (!isLive(state)) return failureOf('SESSION_CLOSED', `The session is ${state.phase}.`);
    const phase = state.phase === 'PAUSED' ? state.resumeTo.phase : state.phase;
    if (now.closed() || phase === 'FROZEN' || phase === 'EXECUTING') {
      return failureOf('ALREADY_EXECUTING', `The session is ${state.phase} already.`);
    }
    if (state.phase === 'PAUSED' && !box.resumed) {
      return failureOf('ILLEGAL_TRANSITION', 'The session is paused; resume it first.');
    }
    const asked = auto || box.supplied > 0 || phase === 'PREFLIGHT';
    return asked ? null : failureOf('PREFLIGHT_REQUIRED', 'Preflight has not been asked for yet.');
  };
  const take = (): ExecuteTicket => (box.execute ??= { refusal: null, granted: false });
  setHandler(messages.executeSignal, (message) => deliver(box, 'execute', message, refuse, take));
  setHandler(
    messages.executeUpdate,
    async (message) => {
      if (!isNew(box, message)) return now.view();
      const ticket = take();
      await condition(
        () => ticket.granted || ticket.refusal !== null || !isLive(now.state()) || now.state().phase === 'PAUSED',
      );
      if (ticket.refusal !== null) {
        forget(box, message); // A refusal is no outcome: the same request may be made again once the answer is there.
        throw refusal(ticket.refusal.code, ticket.refusal.message, ticket.refusal.details);
      }
      return now.view();
    },
    { validator: (message) => validate(box, message, refuse) },
  );
}

function onPause(box: Mailbox, now: Situation): void {
  const refuse = (): Failure | null => {
    const state = now.state();
    if (!isLive(state)) return failureOf('SESSION_CLOSED', `The session is ${state.phase}.`);
    if (state.phase === 'PAUSED' || isPausable(state)) return null;
    return failureOf('ILLEGAL_TRANSITION', `A session cannot be paused in ${state.phase}.`);
  };
  const take = ({ reason }: messages.Pause): void => {
    box.resumed = false;
    box.stays = now.state().phase === 'PAUSED';
    if (box.stays || box.pause !== null) return;
    const remedy = 'Resume the session when it should go on.';
    box.pause = { code: 'OPERATOR', message: reason ?? 'Paused by an operator.', remedy };
    now.interrupt('pause');
  };
  handle(box, now.view, { name: 'pause', signal: messages.pauseSignal, update: messages.pauseUpdate }, refuse, take);
}

function onResume(box: Mailbox, now: Situation): void {
  const refuse = ({ limits }: messages.Resume): Failure | null => {
    const state = now.state();
    if (!isLive(state)) return failureOf('SESSION_CLOSED', `The session is ${state.phase}.`);
    const faults = limitFaults(limits);
    return faults.length === 0 ? null : failureOf('INVALID_REQUEST', faults.join(' '));
  };
  const take = ({ limits }: messages.Resume): void => {
    if (limits !== undefined) box.limits = { ...box.limits, ...limits };
    box.pause = null;
    box.stays = false;
    box.resumed = now.state().phase === 'PAUSED';
  };
  handle(box, now.view, { name: 'resume', signal: messages.resumeSignal, update: messages.resumeUpdate }, refuse, take);
}

function onAbort(box: Mailbox, now: Situation): void {
  const take = ({ reason }: messages.Abort): void => {
    if (!isLive(now.state()) || box.abort !== null) return;
    box.abort = reason ?? 'Aborted on request.';
    now.interrupt('abort');
  };
  handle(
    box,
    now.view,
    { name: 'abort', signal: messages.abortSignal, update: messages.abortUpdate },
    () => null,
    take,
  );
}

function faultsOf(record: unknown, name: string): string[] {
  if (record === undefined) return [];
  if (typeof record !== 'object' || record === null) return [`${name}: must be an object of texts.`];
  const entries = Object.entries(record);
  const faults = entries
    .filter(([, value]) => typeof value !== 'string')
    .map(([key]) => `${name}.${key}: must be a text.`);
  const size = entries.reduce((sum, [key, value]) => sum + key.length + String(value).length, 0);
  return size > MAX_INFO_CHARS ? [...faults, `${name}: more than ${MAX_INFO_CHARS} characters.`] : faults;
}

function faultsOfWaivers({ waive, by }: messages.SupplyInfo, present: number): string[] {
  const faults = isName(by) ? [] : ['by: must be a text of at most 200 characters.'];
  if (waive === undefined) return faults;
  if (!Array.isArray(waive) || waive.length + present > MAX_WAIVERS)
    return [...faults, `waive: must be a list of at most ${MAX_WAIVERS} in all.`];
  const isText = (text: unknown) => typeof text === 'string' && text.trim() !== '' && text.length <= 1000;
  const faulty = waive.some((waiver) => !isText(waiver?.kind) || !isText(waiver.name) || !isText(waiver.reason));
  return faulty ? [...faults, 'waive: each must have kind, name and reason.'] : faults;
}

function faultsOfEdit({ edit }: messages.SupplyInfo, present: number): string[] {
  if (edit === undefined) return [];
  if (present >= MAX_EDITS) return [`edit: the contract was changed ${MAX_EDITS} times already.`];
  return /^sha256:[0-9a-f]{64}$/.test(edit) ? [] : ['edit: must be the id of a blob.'];
}
