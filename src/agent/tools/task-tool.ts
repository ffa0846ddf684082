import { Type } from '@earendil-works/pi-ai';
import { defineTool, type ToolDefinition } from '@earendil-works/pi-coding-agent';

/** The tool by which the agent hands a part of its task to a sub-agent. */
export const TASK = 'task';

/** What the agent says to its sub-agent. */
export interface TaskArguments {
  readonly title: string;
  readonly prompt: string;
  readonly tools?: readonly string[];
}

/** What the agent is told in return. */
export interface TaskAnswer {
  readonly text: string;
  readonly isError: boolean;
  /** The sub-agent's id, when there was one: kept with the result, not shown to the model. */
  readonly task?: string;
}

/** The tool `task`. Several calls of one reply run one after the other. */
export function taskTool(run: (callId: string, call: TaskArguments) => Promise<TaskAnswer>): ToolDefinition {
  return defineTool({
    name: TASK,
    label: 'task',
    description:
      'Hands a self-contained part of your task to a sub-agent, which works in the same work tree until it is done, and answers with its report. It sees nothing of your conversation: say everything it needs.',
    executionMode: 'sequential',
    parameters: Type.Object({
      title: Type.String({ description: 'A few words for people.' }),
      prompt: Type.String({ description: 'The whole order: what to do, where, and what to report.' }),
      tools: Type.Optional(
        Type.Array(Type.String(), { description: 'The tools it may use, of yours; by default all that it can have.' }),
      ),
    }),
    execute: async (callId, call) => {
      const { text, isError, task } = await run(callId, call);
      if (isError) throw new Error(text);
      return { content: [{ type: 'text' as const, text }], details: { task } };
    },
  }) as unknown as ToolDefinition;
}
