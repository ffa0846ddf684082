import { isContextOverflow, type AssistantMessage } from '@earendil-works/pi-ai';
import type { AgentSession, SessionManager } from '@earendil-works/pi-coding-agent';
import { classifyModelError } from '../model/classify.ts';
import { compact, isLong } from './compaction.ts';
import type { ModelCalls } from './model-calls.ts';
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

/** What a run works with. */
export interface RunParts {
  readonly session: AgentSession;
  readonly instructions: Instructions;
  readonly calls: ModelCalls;
  /** Makes a summary durable, before the request that is made of it. */
  readonly recordSummary: () => Promise<void>;
  /** False once the run has come to its border: then whatever is next is left to the next chunk. */
  readonly mayGoOn: () => boolean;
}

/**
 * Lets the agent go on from wherever its transcript stands, until it ends, is stopped, comes to its border, or fails. pi's run ends at
 * each turn after which the context is too long; it is compacted here and nowhere else, so that a border at the same place changes nothing.
 * @throws HoldfastError MODEL_* when the provider failed; the transcript then stands where it stood before that request.
 */
export async function goOn(parts: RunParts): Promise<void> {
  const { session, calls, mayGoOn } = parts;
  // What was summarized before a recorded reply is recorded as well.
  if (!calls.replays) await compactIfLong(parts);
  if (!(await begin(parts))) return;
  let retries = 0;
  for (;;) {
    await session.agent.waitForIdle();
    const failed = failedReply(session);
    if (failed === null) {
      if (!mayGoOn() || standingOf(session.sessionManager).kind !== 'open') return;
      retries = 0;
      await compactIfLong(parts);
    } else {
      if (retries > 0 || !isContextOverflow(failed, session.model?.contextWindow)) throw classifyModelError(failed);
      retries += 1;
      await compactForRetry(parts, failed);
    }
    await session.agent.continue();
  }
}

/** Tells what is to be told, or goes on; answers false where there is nothing to go on with: whoever asks reads how it has ended. */
async function begin({ session, instructions }: RunParts): Promise<boolean> {
  const next = untold(session.sessionManager, instructions);
  const prompt = (text: string) => session.prompt(text, { expandPromptTemplates: false, source: 'rpc' });
  const { kind } = standingOf(session.sessionManager);
  if (kind === 'empty') await prompt(instructions.task);
  else if (next !== null) await prompt(next);
  else if (kind === 'open') await session.agent.continue();
  else return false;
  return true;
}

async function compactIfLong({ session, calls, recordSummary }: RunParts): Promise<void> {
  if (isLong(session) && (await compact(session, calls))) await recordSummary();
}

/** The provider found the context too long: the failed reply is hidden, the context compacted, and the request made once more. */
async function compactForRetry({ session, calls, recordSummary }: RunParts, failed: AssistantMessage): Promise<void> {
  const leaf = session.sessionManager.getLeafId();
  if (leaf !== null) session.sessionManager.appendContextEdit(leaf, null);
  session.refreshContext();
  if (!(await compact(session, calls))) throw classifyModelError(failed);
  await recordSummary();
}

function failedReply(session: AgentSession): AssistantMessage | null {
  const last = session.messages.at(-1);
  return last?.role === 'assistant' && !isGood(last) ? last : null;
}
