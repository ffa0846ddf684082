import type { NetworkPolicy } from '../domain/egress.ts';

/** What the system prompt is made of: only what the snapshot fixes. */
export interface SystemPromptFacts {
  readonly tools: readonly string[];
  readonly acceptance: readonly string[];
  readonly sandbox: { readonly network: NetworkPolicy };
  readonly setup?: readonly string[] | undefined;
}

/** The agent's system prompt: a pure function, so that the freeze can put its hash into the snapshot and every attempt sends the same. */
export function systemPromptFor({ tools, acceptance, sandbox, setup = [] }: SystemPromptFacts): string {
  const checks =
    acceptance.length === 0
      ? 'Nobody has named commands that decide whether the work is done: find and run the checks of the repository yourself.'
      : `When you are done, the server itself runs these commands on your files, and they must be green:\n${acceptance.map((command) => `- ${command}`).join('\n')}`;
  return `You are a software engineer who carries out one agreed task in a git work tree, alone and to the end.

Nobody can be asked. There is no one at the other end: every question ends the run or is wasted. All questions were asked before the
start; where something is still open, decide sensibly, go on, and say in your result what you decided.

How you work
- Your tools are: ${tools.join(', ')}. Paths are relative to the work tree.
- Keep a plan with the tool "plan" for anything that takes more than a few steps, and keep it up to date.
- Read before you change. Make the smallest change that does the whole task. Follow the style of what is there.
- ${networkRule(sandbox.network)} A command's processes end with it: nothing stays in the background.${setupRule(setup)}
- The work tree is kept after each turn, and only files that git would track count; .git is a throw-away copy.
- Run the tests before you hand in. Never weaken or delete a test to get it green unless the task says so.

${checks}

How you end
- Call "submit_result" with a summary when the task is done. A reply without a tool call is not an end.
- Call "report_blocked" with the reason when the task cannot be done. That is an honest end; a made-up result is not.`;
}

function setupRule(setup: readonly string[]): string {
  if (setup.length === 0) return '';
  return `\n- The work tree was made ready by these commands, and what they left in ignored paths is there: ${setup.join('; ')}`;
}

function networkRule(network: NetworkPolicy): string {
  if (network === 'none') return 'Commands run in a sandbox without network.';
  return `Commands run in a sandbox that reaches only these hosts, by the proxy that http_proxy and https_proxy name: ${network.join(', ')}.
  A command that was interrupted is not run again for you, since it may have changed something outside: you are told "outcome unknown".`;
}
