import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Finding } from '../domain/assessment.ts';
import type { SessionGit } from '../git/session-git.ts';
import { runInSandbox } from '../sandbox/run-in-sandbox.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { SANDBOX_DIRECTORY } from '../sandbox/strays.ts';
import { programsOf } from './command-words.ts';

/** What commands are looked for in. */
export interface CommandPlaces {
  readonly git: SessionGit;
  readonly tree: string;
  readonly sandbox: Sandbox;
}

/** Reads commands as bash would without running them, and resolves programs; both lists end with an empty argument. */
const script = `
while [ -n "$1" ]; do bash -n -c "$1" 2>/dev/null && printf 'syntax\\0%s\\0' "$1"; shift; done; shift
for program; do command -v -- "$program" >/dev/null && printf 'program\\0%s\\0' "$program"; done; true`;

/**
 * Commands are confirmed when bash can read them and every program they start is there: on the path inside the sandbox, or an
 * executable file of the repository. A program that an earlier part of the command may make is not judged. None of them is run.
 */
export async function probeCommands(commands: readonly string[], places: CommandPlaces): Promise<Finding[]> {
  if (commands.length === 0) return [];
  const programs = commands.map((command) => programsOf(command));
  const names = [...new Set(programs.flat().map(({ name }) => name))];
  const isPath = (name: string) => name.includes('/');
  const [known, files] = await Promise.all([
    ask(
      places.sandbox,
      commands,
      names.filter((name) => !isPath(name)),
    ),
    places.git.findFiles(places.tree, { paths: names.filter(isPath).map(withoutDot) }),
  ]);
  const executables = new Set(files.filter(({ kind }) => kind === 'executable').map(({ path }) => path));
  const isThere = (name: string) => (isPath(name) ? executables.has(withoutDot(name)) : known.has(`program\0${name}`));
  return commands.map((name, index): Finding => {
    const started = programs[index] ?? [];
    const there = started.filter((program) => isThere(program.name)).map((program) => program.name);
    const lacking = started.filter((program) => program.mustBeThere && !isThere(program.name));
    const readable = known.has(`syntax\0${name}`);
    const confirmed = readable && there.length > 0 && lacking.length === 0;
    const evidence = evidenceOf(readable, there, [...new Set(lacking.map((program) => program.name))]);
    return { kind: 'command', name, confirmed, evidence };
  });
}

function evidenceOf(readable: boolean, there: readonly string[], lacking: readonly string[]): string {
  if (!readable) return 'bash cannot read it';
  if (lacking.length > 0) return `the sandbox has no ${lacking.join(', ')}`;
  if (there.length === 0) return 'no program in it can be told without running it';
  return `the sandbox has ${[...new Set(there)].join(', ')}`;
}

function withoutDot(path: string): string {
  return path.replace(/^(\.\/)+/, '');
}

/** What the sandbox confirms, as `syntax\0…` and `program\0…`. */
async function ask(sandbox: Sandbox, commands: readonly string[], programs: readonly string[]): Promise<Set<string>> {
  const workspace = await mkdtemp(join(tmpdir(), `${SANDBOX_DIRECTORY}${process.pid}-`)); // Swept after a crash.
  try {
    await sandbox.adopt(workspace);
    const argv = ['/bin/bash', '-c', script, 'probe', ...commands, '', ...programs];
    const run = await runInSandbox(sandbox, argv, { workspace });
    const fields = run.stdout.toString('utf8').split('\0');
    const found = new Set<string>();
    for (let index = 0; index + 1 < fields.length; index += 2) found.add(`${fields[index]}\0${fields[index + 1]}`);
    return found;
  } finally {
    await rm(workspace, { recursive: true, force: true });
  }
}
