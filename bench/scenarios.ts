/** What the scripted model does in the benchmarks; in a process of its own, so that its work is not measured. */
import type { Scenario, Turn } from '../test/support/scripted-model/scenario.ts';

/** Turns of the task, the last of which hands in. */
export const TURNS = 20;

const step: Turn = { tools: [{ name: 'bash', args: { command: 'echo line >> lines.txt; wc -l lines.txt' } }] };
const submit: Turn = { tools: [{ name: 'submit_result', args: { summary: 'done' } }] };
const turns = Array.from({ length: TURNS }, (_, index) => (index === TURNS - 1 ? submit : step));

export const scenarios: Readonly<Record<string, Scenario>> = {
  instant: { turns },
  /** Never hands in. */
  endless: { turns: () => step },
  thinking: { turns, ttftMs: 500 },
  /** Long enough to be looked at while it runs. */
  patient: { turns: () => step, ttftMs: 300 },
};
