import { shouldCompact, type AgentSession } from '@earendil-works/pi-coding-agent';
import { classifyModelError } from '../model/classify.ts';
import type { ModelCalls } from './model-calls.ts';

const MAX_RESERVE_TOKENS = 16_384;
const MAX_KEPT_TOKENS = 20_000;

/**
 * pi's settings for compactions: its own figures for a window of the usual size, a quarter of a small one. It must not compact by itself,
 * for it looks at other moments within a run than at the beginning of one, so that the border of a chunk would change what the model is
 * sent; and it goes on without a word when a summary fails.
 */
export function compactionSettings(contextWindow: number) {
  const share = Math.floor(contextWindow / 4);
  return {
    enabled: false,
    reserveTokens: Math.min(MAX_RESERVE_TOKENS, share),
    keepRecentTokens: Math.min(MAX_KEPT_TOKENS, share),
  };
}

/** True when the next request would come close to the model's window. False right after a compaction, when nobody knows. */
export function isLong(session: AgentSession): boolean {
  const { model } = session;
  const tokens = session.getContextUsage()?.tokens;
  if (model === undefined || !tokens) return false;
  return shouldCompact(tokens, model.contextWindow, { ...compactionSettings(model.contextWindow), enabled: true });
}

/**
 * Has the older part of the conversation summarized by the model. Answers false when there is too little to summarize.
 * @throws HoldfastError MODEL_* when the provider failed; nothing has changed then, and the next attempt asks for the same summary.
 */
export async function compact(session: AgentSession, calls: ModelCalls): Promise<boolean> {
  try {
    await session.compact();
    return true;
  } catch (error) {
    const { failedSummary } = calls;
    if (failedSummary !== null) throw classifyModelError(failedSummary);
    if (calls.refused) throw error; // Whoever reads the reason of the stop knows more.
    return false;
  }
}
