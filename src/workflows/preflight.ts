import * as wf from '@temporalio/workflow';
import { HoldfastError } from '../domain/failure.ts';
import type { State } from '../domain/session.ts';
import { checking } from './activity-options.ts';
import { failureOf } from './failures.ts';
import type { Tools } from './phases.ts';

/** Waits until nothing is missing, somebody asks for the freeze (or nobody has to) and the contract is approved where it must be. */
export async function preflight(tools: Tools, now: State<'PREFLIGHT'>): Promise<State<'FROZEN'>> {
  const { box, course, input } = tools;
  const deadline = Date.now() + input.preflightTimeoutMs;
  for (;;) {
    await check(tools, now);
    const obstacle = obstacleOf(tools);
    if (obstacle === null && (input.auto || box.execute !== null)) break;
    if (box.execute !== null) {
      box.execute.refusal = obstacle;
      box.execute = null;
    }
    if (course.missing.length > 0 && input.auto && input.onMissing === 'fail') {
      throw new HoldfastError('MISSING_INFORMATION', `Missing: ${course.missing.join('; ')}`);
    }
    const { approval } = box;
    const woken = await wf.condition(
      () => box.checked < box.supplied || box.execute !== null || box.approval !== approval,
      Math.max(1, deadline - Date.now()),
    );
    if (!woken) {
      const awaited = course.missing.join('; ') || 'the approval of the contract, or the call to execute';
      throw new HoldfastError('PREFLIGHT_TIMEOUT', `Not answered in time: ${awaited}`);
    }
  }
  course.freezing = true; // From here on a late answer is refused; nothing is awaited between the last check and this line.
  const { approval } = box;
  const given = { ...suppliedTo(tools), ...(approval?.contract === course.contract && { approval }) };
  const frozen = await checking.freezeSnapshot({ ...given, at: Date.now() });
  if (box.execute !== null) box.execute.granted = true;
  box.execute = null;
  return { phase: 'FROZEN', base: now.base, frozen };
}

/** Why the contract cannot be frozen as it stands, or null. */
function obstacleOf({ box, course, input }: Tools) {
  if (course.missing.length > 0) {
    const text = `Execution is refused, missing: ${course.missing.join('; ')}`;
    return failureOf('PREFLIGHT_INCOMPLETE', text, { missingInfo: course.missing });
  }
  if (input.requireApproval !== true || box.approval?.contract === course.contract) return null;
  const text = `The contract ${course.contract} is not approved yet.`;
  return failureOf('APPROVAL_REQUIRED', text, { contract: course.contract });
}

/** Checks what is known until nothing new has come in meanwhile. */
async function check(tools: Tools, now: State<'PREFLIGHT'>): Promise<void> {
  const { box, course, post } = tools;
  do {
    const upTo = box.supplied;
    const found = await checking.checkPreflight(suppliedTo(tools));
    course.missing = found.missing;
    course.awaited = found.awaited;
    course.contract = found.contract ?? null;
    course.brief = found.brief ?? null;
    const obstacle = obstacleOf(tools);
    const waits = obstacle?.code === 'APPROVAL_REQUIRED' ? 'awaiting_approval' : 'awaiting_input';
    await post(now, obstacle === null ? 'ready' : waits);
    box.checked = upTo;
  } while (box.checked < box.supplied);
}

function suppliedTo({ box, input }: Tools) {
  const { answers, edits, inputs, waivers } = box;
  return {
    sessionId: input.sessionId,
    inputs: { ...inputs },
    answers: { ...answers },
    ...(waivers.length > 0 && { waivers: [...waivers] }),
    ...(edits.length > 0 && { edits: [...edits] }),
  };
}
