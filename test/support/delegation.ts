import type { Scenario, ToolCall, Turn } from './scripted-model/scenario.ts';

/** A call of a tool. */
export const call = (name: string, args: ToolCall['args']): ToolCall => ({ name, args });
/** A command. */
export const bash = (command: string): ToolCall => call('bash', { command });
/** A command that leaves a line behind: afterwards the file tells what was executed, and how often. */
export const echo = (line: number): ToolCall => bash(`echo ${line} >> log.txt`);
/** A part that is handed to the sub-agent of that title. */
export const task = (title: string, args: ToolCall['args'] = {}): ToolCall =>
  call('task', { title, prompt: `Do ${title}.`, ...args });
/** The end. */
export const submit = (summary: string): Turn => ({ tools: [call('submit_result', { summary })] });

/** A scenario of an agent and its sub-agents: the turns of each, by title; those of `main` are the agent's own. */
export function delegation(
  scripts: Readonly<Record<string, readonly Turn[]>> & { readonly main: readonly Turn[] },
): Scenario {
  return {
    turns: ({ turn, userMessages }) => {
      const title = /^<title>\n(.*)\n<\/title>/.exec(userMessages[0] ?? '')?.[1] ?? 'main';
      return scripts[title]?.[turn];
    },
  };
}

/**
 * An agent with three sub-agents: one between two commands of the same reply, then two after a command, the first of which only reads.
 * The journal is written 26 times; of these, 5 to 10, 15 to 18 and 20 to 23 are by sub-agents.
 */
export const delegating = delegation({
  main: [
    { tools: [echo(1)] },
    { tools: [echo(2), task('alpha'), echo(5)] },
    { tools: [echo(6), task('beta'), task('gamma')] },
    submit('All done.'),
  ],
  alpha: [{ tools: [echo(3)] }, { tools: [echo(4)] }, submit('Alpha is done.')],
  beta: [{ tools: [call('read', { path: 'log.txt' })] }, submit('Beta has read.')],
  gamma: [{ tools: [echo(7)] }, submit('Gamma is done.')],
});

/** What its commands leave. */
export const LOG = '1\n2\n3\n4\n5\n6\n7\n';
/** Its turns, those of sub-agents counted in. */
export const TURNS = 11;
