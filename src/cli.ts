#!/usr/bin/env node
import { HoldfastClient, RefusedError, UnreachableError } from './cli/client.ts';
import { commands, runCommand } from './cli/commands.ts';
import { exitCodes } from './cli/exit-codes.ts';
import { UsageError } from './cli/run-request.ts';
import { holdfastVersion } from './version.ts';

const help = `holdfast: asks everything before it starts; then finishes, whatever crashes.

${Object.values(commands)
  .map(({ usage, summary }) => `  holdfast ${usage}\n      ${summary}`)
  .join('\n')}

run takes the body of POST /api/sessions as JSON, or the variables REPO_URL TASK_INTENT TASK_ID WEBHOOK_URL WEBHOOK_SECRET
GITLAB_API_TOKEN GIT_USERNAME GIT_EMAIL ANTHROPIC_API_KEY ANTHROPIC_BASE_URL MODEL_NAME. Progress goes to stderr, the result to stdout.

The server: HOLDFAST_URL (default http://127.0.0.1:8420), HOLDFAST_API_KEY or HOLDFAST_API_KEY_FILE.
Exit codes: 0 complete, 1 failed, 2 wrong use or refused, 3 information is missing, 4 paused, 5 no server, 6 aborted.
`;

const tell = (line: string): void => void process.stderr.write(`${line}\n`);
const print = (result: unknown): void =>
  void process.stdout.write(`${typeof result === 'string' ? result : JSON.stringify(result, null, 2)}\n`);
process.exitCode = await main(process.argv.slice(2));

async function main([name, ...argv]: string[]): Promise<number> {
  if (name === '--version') {
    print(holdfastVersion);
    return 0;
  }
  if (name === undefined || name === 'help' || name === '--help' || argv.includes('--help')) {
    process.stdout.write(help);
    return name === undefined ? exitCodes.usage : 0;
  }
  try {
    return await runCommand(name, argv, {
      client: HoldfastClient.fromEnvironment(process.env),
      env: process.env,
      tell,
      print,
    });
  } catch (error) {
    return explain(error);
  }
}

function explain(error: unknown): number {
  if (error instanceof UsageError) tell(`${error.message}\nSee holdfast --help.`);
  else if (error instanceof RefusedError) tell(`${error.message}\n${error.refusal.remedy}`);
  else if (error instanceof UnreachableError) tell(error.message);
  else throw error;
  return error instanceof UnreachableError ? exitCodes.unreachable : exitCodes.usage;
}
