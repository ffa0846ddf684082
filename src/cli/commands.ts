import { parseArgs } from 'node:util';
import { RefusedError, type HoldfastClient, type Session } from './client.ts';
import { exportBundle, verifyFile } from './bundle-commands.ts';
import { given, pathOf, type Command, type CommandContext, type Values } from './command.ts';
import { contractCommands, tellApproval } from './contract-commands.ts';
import { doctor } from './doctor.ts';
import { exitCodeOf, exitCodes } from './exit-codes.ts';
import { follow, tellEvents } from './follow.ts';
import { allCheckpoints, forkBody, forkOptions, forkUsage } from './fork.ts';
import { keysCommand } from './keys-command.ts';
import { reapCommand } from './reap-command.ts';
import { resumeBody, resumeOptions, resumeUsage } from './resume.ts';
import { runRequest } from './run-request.ts';
import { skillCommand } from './skill-command.ts';
import { snapshotCommand } from './snapshot-command.ts';
import { UsageError } from './usage-error.ts';

/** The commands by name. */
export const commands: Readonly<Record<string, Command>> = {
  run: {
    usage: "run ['<json>'] [--wait]",
    summary: 'Run one task to its end; the result is JSON on stdout',
    details: `Takes the body of POST /api/sessions as JSON, or the variables REPO_URL TASK_INTENT TASK_ID WEBHOOK_URL WEBHOOK_SECRET
GITLAB_API_TOKEN GIT_USERNAME GIT_EMAIL ANTHROPIC_API_KEY ANTHROPIC_BASE_URL MODEL_NAME. The same TASK_ID (taskId) finds the same
session again. When something is missing or the session pauses it says what to do and ends; with --wait it stays.`,
    options: { wait: { type: 'boolean' } },
    run: runTask,
  },
  get: {
    usage: 'get <id>',
    summary: 'Show a session',
    options: {},
    run: async ([id], _, { client, print }) => show(await client.session(given(id)), print),
  },
  answer: {
    usage: 'answer <id> [--input name=value]… [--answer question=text]… [--execute]',
    summary: 'Supply what is missing, and start with --execute',
    details: 'A session that `run` made goes on by itself; --execute does no harm there.',
    options: {
      input: { type: 'string', multiple: true },
      answer: { type: 'string', multiple: true },
      execute: { type: 'boolean' },
    },
    run: answer,
  },
  ...contractCommands,
  pause: {
    usage: 'pause <id>',
    summary: 'Let a session wait between two turns',
    options: {},
    run: tellSession('pause'),
  },
  resume: {
    usage: resumeUsage,
    summary: 'Let a paused session go on',
    details: `The limits count from the beginning of the session: give more than what is used up. --branch is for a session whose branch
somebody else moved, or a rule protects: its result goes there instead.`,
    options: resumeOptions,
    run: tellSession('resume', resumeBody),
  },
  abort: { usage: 'abort <id>', summary: 'End a session; its work is kept', options: {}, run: tellSession('abort') },
  delete: {
    usage: 'delete <id>',
    summary: 'Remove a session with all that is stored of it; one that is at work is aborted first',
    options: {},
    run: async ([id], _, { client }) => {
      await client.delete(pathOf(id));
      return 0;
    },
  },
  checkpoints: {
    usage: 'checkpoints <id>',
    summary: 'List the checkpoints of a session, newest first',
    options: {},
    run: async ([id], _, { client, print }) => {
      print({ items: await allCheckpoints(client, pathOf(id)) });
      return 0;
    },
  },
  fork: {
    usage: forkUsage,
    summary: 'Go on from a checkpoint in a new session, with another task if need be',
    details: `Without --checkpoint it starts from the newest one, without --prompt it just goes on; it counts what it uses itself. Where the
parent has ended its secrets are gone: give those again that are needed, each in a file.`,
    options: forkOptions,
    run: tellSession('fork', forkBody),
  },
  logs: {
    usage: 'logs <id> [--follow]',
    summary: 'Show the events of a session',
    options: { follow: { type: 'boolean' } },
    run: logs,
  },
  export: {
    usage: 'export <id> -o <file>',
    summary: 'Save everything of a session as one archive, and verify it',
    options: { output: { type: 'string', short: 'o' } },
    run: ([id], { output }, context) => exportBundle(given(id), textOf(output), context),
  },
  keys: keysCommand,
  reap: reapCommand,
  'verify-bundle': {
    usage: 'verify-bundle <file> [--snapshot sha256:…]',
    summary: 'Check an exported archive, without a server',
    details: `Every byte is checked: each part against the manifest, and the parts against each other. --snapshot is the digest that the
archive must be about: it stands in the commit (Holdfast-Snapshot), in webhooks and in the report.`,
    options: { snapshot: { type: 'string' } },
    run: ([file], { snapshot }, context) => verifyFile(file, textOf(snapshot), context),
  },
  skill: skillCommand,
  snapshot: snapshotCommand,
  doctor: {
    usage: 'doctor',
    summary: 'Check this machine and the server',
    options: {},
    run: async (_args, _values, { client, env, tell }) => ((await doctor(client, env, tell)) ? 0 : 1),
  },
};

/**
 * Runs a command of {@link commands} and answers its exit code.
 * @throws UsageError
 */
export async function runCommand(name: string, argv: readonly string[], context: CommandContext): Promise<number> {
  const command = commandOf(name);
  const { values, positionals } = parse(argv, command);
  return command.run(positionals, values, context);
}

/**
 * The help of one command.
 * @throws UsageError
 */
export function helpOf(name: string): string {
  const { usage, summary, details } = commandOf(name);
  return `holdfast ${usage}\n\n${[summary, details].filter(Boolean).join('.\n')}`;
}

function commandOf(name: string): Command {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) throw new UsageError(`There is no command ${name}.`);
  return command;
}

function parse(argv: readonly string[], { options, usage }: Command): { values: Values; positionals: string[] } {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true }) as { values: Values; positionals: string[] };
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\nUsage: holdfast ${usage}`);
  }
}

async function runTask([argument]: readonly string[], values: Values, context: CommandContext): Promise<number> {
  const { client, env } = context;
  const { body, idempotencyKey } = runRequest(argument, env);
  const headers = idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey };
  const { sessionId } = await client.call<{ sessionId: string }>('POST', '/api/sessions', body, headers);
  return finish(await followFor(context, sessionId, values['wait'] === true), context);
}

/** Follows a session; Ctrl-C ends the command and not the session, and says so. */
async function followFor({ client, tell }: CommandContext, id: string, waits: boolean): Promise<Session> {
  const leave = (): never => {
    tell(`\nSession ${id} goes on without you; come back with \`holdfast logs ${id} --follow\`.`);
    process.exit(exitCodes.interrupted);
  };
  process.once('SIGINT', leave);
  tell(`session ${id} (Ctrl-C leaves it running; \`holdfast logs ${id} --follow\` comes back to it)`);
  return follow(client, id, tell, waits).finally(() => process.off('SIGINT', leave));
}

async function finish(session: Session, { client, tell, print }: CommandContext): Promise<number> {
  const { sessionId, state, pause, failure } = session;
  if (state === 'COMPLETE' || state === 'FAILED') {
    const report = await client.call('GET', `/api/sessions/${sessionId}/report`).catch(() => null);
    print({ ...session, report });
  } else print(session);
  if (session.stage === 'awaiting_approval') tellApproval(sessionId, tell);
  else if (state === 'PREFLIGHT') await tellMissing(client, sessionId, tell);
  const reason = pause ?? failure;
  if (reason !== undefined) tell(`${state} ${reason.code}: ${reason.message}\n${reason.remedy}`);
  return exitCodeOf(session) ?? exitCodes.failed;
}

interface Missing {
  readonly missingInfo: readonly string[];
  readonly contract: {
    readonly items: readonly { readonly kind: string; readonly name: string; readonly state: string }[];
  } | null;
}

async function tellMissing(client: HoldfastClient, id: string, tell: (line: string) => void): Promise<void> {
  const { missingInfo, contract } = await client.call<Missing>('POST', `/api/sessions/${id}/preflight`, {});
  const open = contract?.items.filter(({ state }) => state === 'missing') ?? [];
  const flags = open
    .map(({ kind, name }) =>
      kind === 'question' ? `--answer ${name}='…'` : kind === 'input' ? `--input ${name}='…'` : '',
    )
    .filter(Boolean);
  tell(
    `Missing:\n${missingInfo.map((text) => `- ${text}`).join('\n')}\nAnswer with:\n  holdfast answer ${id} ${flags.join(' ')} --execute`,
  );
}

async function answer([id]: readonly string[], values: Values, context: CommandContext): Promise<number> {
  const { client, print, tell } = context;
  const path = pathOf(id);
  const body = { inputs: pairs(values['input']), answers: pairs(values['answer']) };
  const checked = await client.call<Missing & { canProceed: boolean }>('POST', `${path}/preflight`, body);
  if (!checked.canProceed) await tellMissing(client, given(id), tell);
  if (checked.canProceed && values['execute'] === true) return execute(given(id), context);
  print(checked);
  return checked.canProceed ? 0 : exitCodes.missingInformation;
}

async function execute(id: string, { client, print }: CommandContext): Promise<number> {
  try {
    print(await client.call('POST', `${pathOf(id)}/execute`, {}));
    return 0;
  } catch (error) {
    // An automatic session was quicker: it goes on by itself as soon as nothing is missing.
    const code = error instanceof RefusedError ? error.refusal.code : undefined;
    if (code !== 'ALREADY_EXECUTING' && code !== 'SESSION_CLOSED') throw error;
    const session = await client.session(id);
    print(session);
    return code === 'SESSION_CLOSED' ? (exitCodeOf(session) ?? 0) : 0;
  }
}

function tellSession(what: string, bodyOf: (values: Values) => object = () => ({})): Command['run'] {
  return async ([id], values, { client, print }) => {
    print(await client.call('POST', `${pathOf(id)}/${what}`, bodyOf(values)));
    return 0;
  };
}

async function logs([id]: readonly string[], values: Values, context: CommandContext): Promise<number> {
  const { client, tell } = context;
  await client.session(given(id)); // Says at once when there is no such session, or no server.
  if (values['follow'] === true) return exitCodeOf(await followFor(context, given(id), true)) ?? 0;
  await tellEvents(client, given(id), 0, tell);
  return 0;
}

function show(session: Session, print: CommandContext['print']): number {
  print(session);
  return 0;
}

/** The value of an option that was given once. */
function textOf(value: Values[string]): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function pairs(values: Values[string]): Record<string, string> {
  const list = Array.isArray(values) ? values : [];
  return Object.fromEntries(
    list.map((pair) => {
      const [, name, value] = /^([^=]+)=(.*)$/s.exec(String(pair)) ?? [];
      if (name === undefined || value === undefined) throw new UsageError(`${String(pair)} is not name=value.`);
      return [name, value];
    }),
  );
}
