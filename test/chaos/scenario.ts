/** What the agent does in the kill matrix and in the soak. */
import type { Scenario, Turn } from '../support/scripted-model/scenario.ts';

/** Each command appends its number: afterwards the file tells what was executed, and how often. */
export const COMMANDS = 5;
export const FILE = 'numbers.txt';

/** What the file holds when each command has had its effect exactly once, in order. */
export const CONTENT = Array.from({ length: COMMANDS }, (_, index) => `${index}\n`).join('');

/** Turns of a session: the commands, and the one that hands in. */
export const TURNS = COMMANDS + 1;

/** The check that the server runs on the base commit and on the result. */
export const CHECK = `test "$(wc -l < ${FILE})" = ${COMMANDS}`;

// Long enough for a kill to come in the middle of a command.
const numbered = Array.from({ length: COMMANDS }, (_, index): Turn => {
  return { tools: [{ name: 'bash', args: { command: `echo ${index} >> ${FILE}; sleep 0.2` } }] };
});

export const scenarios: Readonly<Record<string, Scenario>> = {
  numbered: {
    turns: [...numbered, { tools: [{ name: 'submit_result', args: { summary: 'All numbers are written.' } }] }],
    ttftMs: 40,
  },
};
