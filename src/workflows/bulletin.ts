import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import * as wf from '@temporalio/workflow';
import type { SessionView, Stage, State } from '../domain/session.ts';
import { recording } from './activity-options.ts';
import { detailsOf, type Awaited } from './details.ts';
import type { SessionInput } from './input.ts';
import { searchAttributes } from './search-attributes.ts';
import { webhookDelivery } from './webhook-delivery.ts';

/** Tells everybody where the session is: records, search attributes, the Web UI, webhooks. */
export interface Bulletin {
  /** Counts what was announced; part of every announcement's key. */
  rev(): number;
  stage(): Stage;
  /** Announces the state with its stage, unless exactly that was announced last. */
  post(state: State, stage: Stage): Promise<void>;
}

/** Opens the bulletin; `look` answers the present view, what is awaited, and the contract in brief where it is to be approved. */
export function openBulletin(
  input: SessionInput,
  look: () => { readonly view: SessionView; readonly awaited: Awaited; readonly brief: string | null },
): Bulletin {
  let rev = input.carried?.rev ?? 0;
  let stage: Stage = input.carried === undefined ? 'pending' : 'coding';
  let posted = input.carried === undefined ? '' : `${input.carried.state.phase}/${stage}`;

  // What has begun to be announced is announced whole: an abort or a pause in the middle would leave a webhook that nobody delivers.
  const post = (state: State, next: Stage): Promise<void> =>
    wf.patched('whole-announcements')
      ? wf.CancellationScope.nonCancellable(() => announce(state, next))
      : announce(state, next);

  const announce = async (state: State, next: Stage): Promise<void> => {
    stage = next;
    const { view, awaited, brief } = look();
    wf.setCurrentDetails(detailsOf(view, awaited, brief));
    const line = `${state.phase}/${next}`;
    if (line === posted) return;
    if (!posted.startsWith(`${state.phase}/`)) {
      wf.upsertSearchAttributes({ [searchAttributes.state]: [state.phase] });
    }
    posted = line;
    rev += 1;
    const { eventId } = await recording.announce({
      sessionId: input.sessionId,
      rev,
      state: state.phase,
      stage: next,
      at: Date.now(),
      pause: state.phase === 'PAUSED' ? state.reason : null,
      missing: view.missing,
      ...(state.phase === 'FAILED' && { failure: state.failure }),
      ...(state.phase === 'COMPLETE' && { result: state.delivered }),
    });
    if (input.webhook !== null && eventId !== null) await startDelivery(eventId, input.webhook);
  };
  return { rev: () => rev, stage: () => stage, post };
}

async function startDelivery(eventId: string, webhook: NonNullable<SessionInput['webhook']>): Promise<void> {
  try {
    await wf.startChild(webhookDelivery, {
      workflowId: `webhook/${eventId}`,
      args: [{ eventId, ...webhook }],
      parentClosePolicy: 'ABANDON',
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      staticSummary: `Webhook ${eventId}`,
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error; // After a reset: it is on its way already.
  }
}
