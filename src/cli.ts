#!/usr/bin/env node
import { HoldfastClient, RefusedError, UnreachableError } from './cli/client.ts';
import { commands, helpOf, runCommand } from './cli/commands.ts';
import { exitCodes } from './cli/exit-codes.ts';
import { UsageError } from './cli/usage-error.ts';
import { holdfastVersion } from './version.ts';

const help = `holdfast: asks everything before it starts; then finishes, whatever crashes.

${Object.values(commands)
  .map(({ usage, summary }) => `  holdfast ${usage}\n      ${summary}`)
  .join('\n')}

Progress goes to stderr, the result to stdout. More about a command: holdfast <command> --help.

The server: HOLDFAST_URL (default http://127.0.0.1:8420), HOLDFAST_API_KEY or HOLDFAST_API_KEY_FILE.
Exit codes: 0 complete, 1 failed, 2 wrong use or refused, 3 information is missing, 4 paused, 5 no server or one that cannot serve,
6 aborted, 130 left with Ctrl-C (the session goes on).
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
  if (name === undefined || name === 'help' || name === '--help') {
    process.stdout.write(help);
    return name === undefined ? exitCodes.usage : 0;
  }
  try {
    if (argv.includes('--help')) {
      print(helpOf(name));
      return 0;
    }
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
  const noServer = error instanceof UnreachableError || (error instanceof RefusedError && error.status >= 500);
  return noServer ? exitCodes.unreachable : exitCodes.usage;
}
