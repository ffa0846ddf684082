import * as wf from '@temporalio/workflow';
import type { State } from '../domain/session.ts';
import { curing } from './activity-options.ts';
import type { Mailbox } from './mailbox.ts';

/** A store that can be written and yet fails again each time is looked at by somebody, not for ever by us. */
const MAX_TRIES = 3;

/** How often a session has gone on by itself without getting any further since. */
export interface StorageCure {
  turns: number;
  tries: number;
}

/**
 * Waits until somebody resumes the session or, where a store failed, until it can be written again; the probe is one activity whose
 * retries leave nothing in the history.
 */
export async function untilResumed(
  box: Mailbox,
  { sessionId, cure }: { readonly sessionId: string; readonly cure: StorageCure },
  { reason, resumeTo }: State<'PAUSED'>,
): Promise<void> {
  const resumed = () => wf.condition(() => box.resumed);
  if (reason.code !== 'STORAGE_FAILED' || !wf.patched('storage-cure')) return resumed();
  const turns = resumeTo.phase === 'EXECUTING' ? resumeTo.turns : 0;
  if (turns > cure.turns) cure.tries = 0;
  cure.turns = turns;
  cure.tries += 1;
  if (cure.tries > MAX_TRIES) return resumed();
  const scope = new wf.CancellationScope();
  const cured = scope.run(async () => {
    await curing.checkStorage({ sessionId });
    return true;
  });
  // Whoever asks for a pause that is on already wants it to last.
  const told = scope.run(async () => {
    await wf.condition(() => box.resumed || box.stays);
    return false;
  });
  const isCured = await Promise.race([cured, told]);
  scope.cancel();
  if (!isCured) return resumed();
  box.resumed = true;
}
