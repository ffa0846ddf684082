import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Finding } from '../domain/assessment.ts';
import type { Contract } from '../domain/contract.ts';
import { HoldfastError } from '../domain/failure.ts';
import { isToolName } from '../domain/tools.ts';
import type { SessionGit } from '../git/session-git.ts';
import { runInSandbox } from '../sandbox/run-in-sandbox.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';

/** What the probes look at. */
export interface Probed {
  readonly git: SessionGit;
  /** The tree the session starts from. */
  readonly tree: string;
  readonly sandbox: Sandbox;
  /** Tries whether the delivery's push would be taken; throws when not. */
  readonly probePush: () => Promise<void>;
}

/** Looks at everything a contract demands that can be looked at. No model is asked, and the same repository gives the same findings. */
export async function probe(contract: Contract, probed: Probed): Promise<Finding[]> {
  const names = (kind: Finding['kind']) => contract.items.filter((item) => item.kind === kind).map(({ name }) => name);
  const tools = names('tool').map((name): Finding => {
    const confirmed = isToolName(name);
    return { kind: 'tool', name, confirmed, evidence: confirmed ? 'the server has it' : 'the server has no such tool' };
  });
  const files = await Promise.all(names('file').map((glob) => probeFile(glob, probed)));
  const scripts = await Promise.all(names('script').map((path) => probeScript(path, probed)));
  const commands = await probeCommands(names('command'), probed);
  const remotes = await Promise.all(names('remote').map((name) => probeRemote(name, probed)));
  return [...tools, ...files, ...scripts, ...commands, ...remotes];
}

async function probeFile(glob: string, { git, tree }: Probed): Promise<Finding> {
  const matches = await git.matchFiles(tree, [glob]);
  const evidence =
    matches.length === 0 ? 'no tracked file matches' : `${matches.length} tracked: ${matches.slice(0, 3).join(', ')}`;
  return { kind: 'file', name: glob, confirmed: matches.length > 0, evidence };
}

async function probeScript(path: string, { git, tree }: Probed): Promise<Finding> {
  const matches = await git.matchFiles(tree, [path]);
  if (!matches.includes(path))
    return { kind: 'script', name: path, confirmed: false, evidence: 'no tracked file has this path' };
  const [hashed] = await git.hashFiles(tree, [path]);
  return { kind: 'script', name: path, confirmed: true, evidence: `sha256:${hashed?.sha256}` };
}

async function probeRemote(name: string, { probePush }: Probed): Promise<Finding> {
  try {
    await probePush();
    return { kind: 'remote', name, confirmed: true, evidence: 'it can be reached, and a dry-run push is allowed' };
  } catch (error) {
    if (error instanceof HoldfastError) return { kind: 'remote', name, confirmed: false, evidence: error.message };
    throw error;
  }
}

/** A command is there when its program resolves inside the sandbox, or is a file of the repository. */
async function probeCommands(commands: readonly string[], { git, tree, sandbox }: Probed): Promise<Finding[]> {
  if (commands.length === 0) return [];
  const programs = commands.map(programOf);
  const found = await resolvable(
    sandbox,
    programs.filter((program) => !program.includes('/') && program !== ''),
  );
  const files = new Set(await git.listFiles(tree));
  return commands.map((name, index): Finding => {
    const program = programs[index] ?? '';
    const isFile = files.has(program.replace(/^\.\//, ''));
    const confirmed = program.startsWith('/') ? false : program.includes('/') ? isFile : found.has(program);
    const evidence = confirmed
      ? `${program} resolves in the sandbox`
      : `${program || 'nothing'} does not resolve in the sandbox`;
    return { kind: 'command', name, confirmed, evidence };
  });
}

/** The first word that is no assignment. */
function programOf(command: string): string {
  return (
    command
      .trim()
      .split(/\s+/)
      .find((word) => !/^[A-Za-z_]\w*=/.test(word)) ?? ''
  );
}

async function resolvable(sandbox: Sandbox, programs: readonly string[]): Promise<Set<string>> {
  const workspace = await mkdtemp(join(tmpdir(), 'holdfast-probe-'));
  try {
    await sandbox.adopt(workspace);
    const script = 'for program; do command -v -- "$program" >/dev/null && printf "%s\\n" "$program"; done; true';
    const run = await runInSandbox(sandbox, ['/bin/bash', '-c', script, 'probe', ...programs], { workspace });
    return new Set(run.stdout.toString('utf8').split('\n').filter(Boolean));
  } finally {
    await rm(workspace, { recursive: true, force: true });
  }
}
