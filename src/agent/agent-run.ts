import { isContextOverflow, type AssistantMessage } from '@earendil-works/pi-ai';
import { shouldCompact, type AgentSession, type SessionManager } from '@earendil-works/pi-coding-agent';
import { classifyModelError } from '../model/classify.ts';
import { isGood, standingOf, wasTold } from './transcript.ts';

/** What the agent is to be told, if it has not been told yet. */
export interface Instructions {
  /** The first message. */
  readonly task: string;
  /** What a fork is told about what it is for; null for others, and for one that just goes on. */
  readonly fork: string | null;
  /** Evidence of a red verification; null before there is any. */
  readonly feedback: string | null;
  /** How many entries are from the parent of a fork: what they tell was told to another session. */
  readonly inherited: number;
}

/** What is to be told next after the first message, or null. */
export function untold(transcript: SessionManager, { fork, feedback, inherited }: Instructions): string | null {
  return [fork, feedback].find((text) => text !== null && !wasTold(transcript, text, inherited)) ?? null;
}

/**
 * Lets the agent go on from wherever its transcript stands, until it ends, is stopped, or fails.
 * @throws HoldfastError MODEL_* when the provider failed; the transcript then stands where it stood before that request.
 */
export async function goOn(session: AgentSession, instructions: Instructions): Promise<void> {
  const { sessionManager } = session;
  const next = untold(sessionManager, instructions);
  const prompt = (text: string) => session.prompt(text, { expandPromptTemplates: false, source: 'rpc' });
  if (standingOf(sessionManager).kind === 'empty') await prompt(instructions.task);
  else if (next !== null) await prompt(next);
  else if (standingOf(sessionManager).kind !== 'open') return; // It has ended; whoever asks reads how.
  else {
    await compactIfLong(session);
    await session.agent.continue();
  }
  await session.agent.waitForIdle();
  const failed = failedReply(session);
  if (failed === null) return;
  if (!isContextOverflow(failed, session.model?.contextWindow)) throw classifyModelError(failed);
  await compactAndRetry(session);
}

/** pi checks the size only between the turns of one run; the first request of a continued run would go out unchecked. */
async function compactIfLong(session: AgentSession): Promise<void> {
  const usage = session.getContextUsage();
  if (!usage?.tokens || session.model === undefined) return;
  const settings = session.settingsManager.getCompactionSettings(session.model);
  if (!shouldCompact(usage.tokens, usage.contextWindow, settings)) return;
  await session.compact().catch(() => undefined); // Too little to compact, or the provider fails: the request itself will tell.
}

/** The provider found the context too long: the failed reply is hidden, the context compacted, and the request made once more. */
async function compactAndRetry(session: AgentSession): Promise<void> {
  const leaf = session.sessionManager.getLeafId();
  if (leaf !== null) session.sessionManager.appendContextEdit(leaf, null);
  session.refreshContext();
  await session.compact();
  await session.agent.continue();
  await session.agent.waitForIdle();
  const failed = failedReply(session);
  if (failed !== null) throw classifyModelError(failed);
}

function failedReply(session: AgentSession): AssistantMessage | null {
  const last = session.messages.at(-1);
  return last?.role === 'assistant' && !isGood(last) ? last : null;
}
