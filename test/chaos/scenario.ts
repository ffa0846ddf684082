/** What the agent does in the kill matrix and in the soak. */
import type { Scenario, Turn } from '../support/scripted-model/scenario.ts';

/**
 * `numbered`: commands without a network, which are done again after a kill. `outside`: commands that reach an allowed host, which never
 * are, and then the same file in one piece.
 */
export type ScenarioName = 'numbered' | 'outside';

/** Each command of `numbered` appends its number: afterwards the file tells what was executed, and how often. */
export const COMMANDS = 5;
export const FILE = 'numbers.txt';

/** What the file holds when each command has had its effect exactly once, in order. */
export const CONTENT = Array.from({ length: COMMANDS }, (_, index) => `${index}\n`).join('');

/** Requests of `outside`; the next turn writes the file. */
export const REQUESTS = COMMANDS - 1;

/** What the witness is asked for in the n-th request of a session. */
export const pathOf = (session: string, request: number): string => `/${session}/${request}`;

/** What tells the model of `outside` where the witness is. */
export const promptOf = (session: string, port: number): string => `The witness of ${session} is at port ${port}.`;

/** Turns of a session, whatever its scenario: the commands, and the one that hands in. */
export const TURNS = COMMANDS + 1;

/** The check that the server runs on the base commit and on the result. */
export const CHECK = `test "$(wc -l < ${FILE})" = ${COMMANDS}`;

// Long enough for a kill to come in the middle of a command.
const numbered = Array.from({ length: COMMANDS }, (_, index): Turn => {
  return { tools: [{ name: 'bash', args: { command: `echo ${index} >> ${FILE}; sleep 0.2` } }] };
});

const request = (prompt: string, number: number): Turn => {
  const [, session = '', port = ''] = /witness of (\S+) is at port (\d+)/.exec(prompt) ?? [];
  const url = `http://localhost:${port}${pathOf(session, number)}`;
  return { tools: [{ name: 'bash', args: { command: `curl -sS --noproxy '' ${url}; sleep 0.2` } }] };
};
const write: Turn = { tools: [{ name: 'write', args: { path: FILE, content: CONTENT } }] };
const submit: Turn = { tools: [{ name: 'submit_result', args: { summary: 'All numbers are written.' } }] };

export const scenarios: Readonly<Record<ScenarioName, Scenario>> = {
  numbered: { turns: [...numbered, submit], ttftMs: 40 },
  outside: {
    turns: ({ turn, userMessages: [prompt = ''] }) => {
      if (turn < REQUESTS) return request(prompt, turn);
      return turn === REQUESTS ? write : submit;
    },
    ttftMs: 40,
  },
};
