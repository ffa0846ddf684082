import type { AgentSession, ToolDefinition } from '@earendil-works/pi-coding-agent';
import { faultPoint, isArmed } from '../fault-point.ts';

/** Names the moments of a run that only pi sees, for tests; to be called before the run is made durable, once. */
export function markRun({ agent }: AgentSession, sessionId: string): void {
  if (!isArmed()) return;
  const ask = agent.streamFunction;
  agent.streamFunction = async (...request) => {
    await faultPoint('before:model-request', sessionId);
    const stream = await ask(...request);
    await faultPoint('after:model-request', sessionId);
    return stream;
  };
  agent.subscribe(async (event) => {
    if (event.type === 'tool_execution_start') await faultPoint('before:tool-start', sessionId);
    if (event.type === 'tool_execution_end') await faultPoint('after:tool-end', sessionId);
    if (!('message' in event) || event.message.role !== 'assistant') return;
    if (event.type === 'message_start') await faultPoint('before:stream', sessionId);
    if (event.type === 'message_end') await faultPoint('after:stream', sessionId);
  });
}

/** The tools with the moments in which they run, and have run, named for tests. */
export function markTools(tools: readonly ToolDefinition[], sessionId: string): readonly ToolDefinition[] {
  if (!isArmed()) return tools;
  return tools.map((tool) => ({
    ...tool,
    execute: async (...call) => {
      const running = tool.execute(...call);
      const [outcome] = await Promise.allSettled([running, faultPoint('after:tool-start', sessionId)]);
      await faultPoint('before:tool-end', sessionId);
      if (outcome.status === 'rejected') throw outcome.reason;
      return outcome.value;
    },
  }));
}
