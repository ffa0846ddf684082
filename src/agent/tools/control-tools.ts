import { Type } from '@earendil-works/pi-ai';
import { defineTool, type ToolDefinition } from '@earendil-works/pi-coding-agent';
import type { PlanStep } from '../../domain/events.ts';

/** The tool by which the agent hands in its result. */
export const SUBMIT = 'submit_result';
/** The tool by which it says that it cannot go on. */
export const BLOCKED = 'report_blocked';

const answer = (text: string) => ({ content: [{ type: 'text' as const, text }], details: undefined });

/** The tools by which the agent talks to Holdfast: its plan, and the two ends. */
export function controlTools(onPlan: (steps: readonly PlanStep[]) => Promise<void>): ToolDefinition[] {
  const plan = defineTool({
    name: 'plan',
    label: 'plan',
    description:
      'Replaces your plan. Call it at the start and whenever a step is done. People follow your progress by it.',
    parameters: Type.Object({
      steps: Type.Array(
        Type.Object({
          title: Type.String(),
          status: Type.Union([Type.Literal('pending'), Type.Literal('in_progress'), Type.Literal('done')]),
        }),
      ),
    }),
    execute: async (_id, { steps }) => {
      await onPlan(steps);
      return answer('The plan is noted.');
    },
  });
  const submit = defineTool({
    name: SUBMIT,
    label: 'submit result',
    description: 'Hands in the finished work and ends your run. The server then runs the acceptance commands itself.',
    parameters: Type.Object({
      summary: Type.String({ description: 'What was done and decided, for the commit message and the report.' }),
    }),
    execute: async () => ({ ...answer('The result is handed in.'), terminate: true }),
  });
  const blocked = defineTool({
    name: BLOCKED,
    label: 'report blocked',
    description: 'Ends your run without a result, because the task cannot be done. The work so far is kept.',
    parameters: Type.Object({ reason: Type.String({ description: 'What is in the way, and what would cure it.' }) }),
    execute: async () => ({ ...answer('It is noted that the task is blocked.'), terminate: true }),
  });
  return [plan, submit, blocked] as unknown as ToolDefinition[];
}
