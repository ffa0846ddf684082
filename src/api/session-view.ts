import type { z } from '@hono/zod-openapi';
import { canonicalJson, digestOf } from '../digest/canonical-json.ts';
import { canProceed, missingInfo, openQuestions } from '../domain/contract.ts';
import { progressOf } from '../domain/events.ts';
import { showPause } from '../domain/pause.ts';
import type { Usage } from '../domain/usage.ts';
import type { SessionRecord } from '../store/sessions.ts';
import type { PreflightAnswer, SessionAnswer } from './schemas.ts';

/** A session as it is shown; made of the records alone, so that it is there while Temporal is not. */
export function sessionView(session: SessionRecord, usage: Usage): z.infer<typeof SessionAnswer> {
  const { id, task, state, stage, plan, createdAt, updatedAt, contractUsage, frozen, pause, failure, result } = session;
  return {
    sessionId: id,
    taskId: task.taskId,
    state,
    stage,
    progress: progressOf(stage, plan),
    plan: [...plan],
    createdAt,
    updatedAt,
    source: task.source,
    model: task.model,
    usage: { ...usage, ...(contractUsage !== null && { contract: contractUsage }) },
    labels: task.labels,
    ...(task.parent !== undefined && { parent: { sessionId: task.parent.sessionId, turn: task.parent.turn } }),
    ...(frozen !== null && { snapshot: { ...frozen } }),
    ...(state === 'PAUSED' && pause !== null && { pause: { ...showPause(pause) } }),
    ...(failure !== null && { failure: { ...failure } }),
    ...(result !== null && { result }),
  };
}

/** What the preflight found, and what to do next. */
export function preflightView(session: SessionRecord, ready: boolean): z.infer<typeof PreflightAnswer> {
  const { contract, state, pause, stage } = session;
  const contractDigest = contract === null ? null : digestOf(canonicalJson(contract));
  const blocked = (message: string, missing: string[]) => {
    return { canProceed: false, contract, contractDigest, missingInfo: missing, questions: [], message };
  };
  if (state === 'PAUSED' && pause !== null) {
    const message = `The session is paused (${pause.code}): ${pause.message} ${pause.remedy}`;
    return blocked(message, contract === null ? [] : missingInfo(contract));
  }
  if (contract === null || !ready) return blocked('The contract is still being written; call preflight again.', []);
  const missing = missingInfo(contract);
  if (stage === 'awaiting_approval') return blocked('Read the contract, then approve it with POST …/approve', missing);
  const proceed = canProceed(contract);
  const message = proceed
    ? 'Nothing is missing: start with POST …/execute'
    : 'Missing information required before execution: answer with POST …/preflight';
  const questions = openQuestions(contract);
  return { canProceed: proceed, contract, contractDigest, missingInfo: missing, questions, message };
}
