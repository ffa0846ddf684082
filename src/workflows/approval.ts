import type { Failure } from '../domain/failure.ts';
import { isLive } from '../domain/session.ts';
import { failureOf } from './failures.ts';
import type { Mailbox, Situation } from './mailbox.ts';
import { handle } from './message-handling.ts';
import * as messages from './messages.ts';

/** Registers `approve`: a person's consent to the contract as it stands, which is void as soon as the contract changes. */
export function onApprove(box: Mailbox, now: Situation): void {
  const refuse = (message: messages.Approve): Failure | null => {
    const state = now.state();
    if (!isLive(state)) return failureOf('SESSION_CLOSED', `The session is ${state.phase}.`);
    if (now.closed() || state.phase === 'FROZEN' || state.phase === 'EXECUTING') {
      return failureOf('CONTRACT_FROZEN', 'The contract is frozen; its approval comes too late.');
    }
    const { contract, missing } = now.view();
    if (state.phase !== 'PREFLIGHT' || contract === null || box.checked < box.supplied) {
      return failureOf('PREFLIGHT_REQUIRED', 'There is no checked contract to approve yet.');
    }
    if (missing.length > 0) {
      const text = `Nothing can be approved while something is missing: ${missing.join('; ')}`;
      return failureOf('PREFLIGHT_INCOMPLETE', text, { missingInfo: missing });
    }
    if (message.contract !== undefined && message.contract !== contract) {
      return failureOf('CONTRACT_CHANGED', `The contract is ${contract} now.`, { contract });
    }
    return isName(message.by) ? null : failureOf('INVALID_REQUEST', 'by: must be a text of at most 200 characters.');
  };
  const take = ({ by }: messages.Approve): void => {
    const { contract } = now.view();
    if (contract !== null) box.approval = { contract, by: by ?? messages.UNNAMED, at: Date.now() };
  };
  handle(
    box,
    now.view,
    { name: 'approve', signal: messages.approveSignal, update: messages.approveUpdate },
    refuse,
    take,
  );
}

/** True for what a message may say about who sends it. */
export function isName(by: unknown): boolean {
  return by === undefined || (typeof by === 'string' && by.trim() !== '' && by.length <= 200);
}
