/** What the scripted model does in the benchmarks; in a process of its own, so that its work is not measured. */
import type { Scenario, Turn } from '../test/support/scripted-model/scenario.ts';

/** Turns of the task, the last of which hands in. */
export const TURNS = 40;

/** Commands of the long task; each tells how many there have been, for its beginning does not stay in the context. */
export const LONG = 1000;
const long: Scenario = {
  turns: ({ lastResults }) => {
    const lines = Number(/lines (\d+)/.exec(lastResults[0] ?? '')?.[1] ?? 0);
    const command = 'echo line >> lines.txt; seq 1 250; echo lines $(wc -l < lines.txt)';
    return lines >= LONG ? submit : { tools: [{ name: 'bash', args: { command } }] };
  },
  summary: 'The commands go on as before.',
};

const step: Turn = { tools: [{ name: 'bash', args: { command: 'echo line >> lines.txt; wc -l lines.txt' } }] };
const submit: Turn = { tools: [{ name: 'submit_result', args: { summary: 'done' } }] };
const turns = Array.from({ length: TURNS }, (_, index) => (index === TURNS - 1 ? submit : step));

export const scenarios: Readonly<Record<string, Scenario>> = {
  instant: { turns },
  long,
  /** Never hands in. */
  endless: { turns: () => step },
  thinking: { turns, ttftMs: 500 },
  /** Long enough to be looked at while it runs. */
  patient: { turns: () => step, ttftMs: 300 },
};
