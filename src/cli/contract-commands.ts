import { readFileSync } from 'node:fs';
import { pathOf, type Command, type CommandContext, type Values } from './command.ts';
import { UsageError } from './usage-error.ts';

const by = { by: { type: 'string' } } as const;

/** The commands by which people read, change, waive and approve a contract before it is frozen. */
export const contractCommands: Readonly<Record<string, Command>> = {
  contract: {
    usage: 'contract <id> [--edit file.json] [--by name]',
    summary: 'Show the contract of a session, or change it before the freeze',
    details: `The file is JSON with any of goal, requiredInputs, requiredFiles, requiredTools, requiredScripts, acceptance, egress,
assumptions; a list replaces what the model put there. What skill and task demand stays; see waive.`,
    options: { edit: { type: 'string' }, ...by },
    run: async ([id], values, { client, print }) => {
      const file = values['edit'];
      const path = `${pathOf(id)}/contract`;
      if (typeof file !== 'string') print(await client.call('GET', path));
      else print(await client.call('POST', path, { edit: readJson(file), ...byOf(values) }));
      return 0;
    },
  },
  waive: {
    usage: "waive <id> <kind>:<name> --reason 'text' [--by name]",
    summary: 'Let the work start without an item of the contract, and say why',
    details:
      'Kinds: input, file, tool, script, command, remote, host, content, question. The reason stands in contract, snapshot, commit and report.',
    options: { reason: { type: 'string' }, ...by },
    run: waive,
  },
  approve: {
    usage: 'approve <id> [--contract sha256:…] [--by name]',
    summary: 'Approve the contract of a session that waits for it',
    details: 'With --contract only that contract is approved: the digest is the contractDigest that preflight answers.',
    options: { contract: { type: 'string' }, ...by },
    run: async ([id], values, { client, print }) => {
      const { contract } = values;
      const body = { ...(typeof contract === 'string' && { contract }), ...byOf(values) };
      print(await client.call('POST', `${pathOf(id)}/approve`, body));
      return 0;
    },
  },
};

/** Says how a contract that waits for its approval is read and approved. */
export function tellApproval(id: string, tell: (line: string) => void): void {
  tell(
    `The contract waits to be approved. Read it, then approve it:\n  holdfast contract ${id}\n  holdfast approve ${id}`,
  );
}

async function waive([id, item]: readonly string[], values: Values, context: CommandContext): Promise<number> {
  const [, kind, name] = /^([a-z]+):(.+)$/s.exec(item ?? '') ?? [];
  const { reason } = values;
  if (kind === undefined || name === undefined)
    throw new UsageError('Name the item as kind:name, such as file:docs/**.');
  if (typeof reason !== 'string') throw new UsageError('--reason is missing: it is kept with the result.');
  const body = { waive: [{ kind, name, reason }], ...byOf(values) };
  context.print(await context.client.call('POST', `${pathOf(id)}/preflight`, body));
  return 0;
}

function byOf({ by: name }: Values): { by?: string } {
  return typeof name === 'string' ? { by: name } : {};
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
