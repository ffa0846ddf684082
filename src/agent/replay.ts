import { createAssistantMessageEventStream, type AssistantMessage } from '@earendil-works/pi-ai';
import type { AgentSession } from '@earendil-works/pi-coding-agent';

/**
 * Answers the session's first request with a reply that had arrived before a crash, without asking the provider again. pi then runs
 * its tools as usual, on the restored files. Only a turn's request is answered so; a compaction asks the provider.
 */
export function replayFirst(session: AgentSession, reply: AssistantMessage): void {
  const { agent } = session;
  const ask = agent.streamFunction;
  const prepare = agent.prepareRequest;
  let pending: AssistantMessage | null = reply;
  let isTurn = false;
  agent.prepareRequest = async (...request) => {
    isTurn = true;
    return (await prepare?.(...request)) ?? undefined;
  };
  agent.streamFunction = (...request) => {
    const replayed = isTurn ? pending : null;
    isTurn = false;
    if (replayed === null) return ask(...request);
    pending = null;
    const stream = createAssistantMessageEventStream();
    stream.push({ type: 'start', partial: replayed });
    const reason = replayed.stopReason === 'toolUse' || replayed.stopReason === 'length' ? replayed.stopReason : 'stop';
    stream.push({ type: 'done', reason, message: replayed });
    return stream;
  };
}
