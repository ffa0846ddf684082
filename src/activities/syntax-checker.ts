import { randomUUID } from 'node:crypto';
import { firstNames } from '../domain/first-names.ts';
import type { SyntaxCheck } from '../domain/verdict.ts';
import type { GitManager } from '../git/git-manager.ts';
import { runInSandbox } from '../sandbox/run-in-sandbox.ts';
import type { Sandbox, SandboxLimits, SandboxSpec } from '../sandbox/sandbox.ts';
import { syntaxScript, syntaxTools, TOOL_ABSENT, type SyntaxTool } from './syntax-tools.ts';

const MAX_FILES = 1000;
const MAX_NAMED = 3;
const TIMEOUT_MS = 5 * 60_000;

/** A change to be checked. */
export interface SyntaxJob {
  readonly sessionId: string;
  readonly base: string;
  readonly tree: string;
  /** Of each reading, as they were agreed. */
  readonly limits?: Partial<SandboxLimits>;
}

/** What a tool said about one file: `ok`, `bad`, or `unknown` when it cannot judge it. */
interface Reading {
  readonly state: string;
  readonly path: string;
  readonly message: string;
}

/** What a tool said about some files, or why it said nothing. */
type Readings = { readonly readings: readonly Reading[] } | { readonly note: string };

/** Reads the changed files with the tools that the sandbox has: a change that no parser takes is no result. Nothing is run. */
export class SyntaxChecker {
  readonly #git: GitManager;
  readonly #sandbox: Sandbox;

  constructor(deps: { readonly git: GitManager; readonly sandbox: Sandbox }) {
    this.#git = deps.git;
    this.#sandbox = deps.sandbox;
  }

  /** Checks the files that a tree has changed or new, tool by tool; a fault that the base had already is told from a new one. */
  async check({ sessionId, base, tree, limits = {} }: SyntaxJob, signal: AbortSignal): Promise<SyntaxCheck[]> {
    const git = this.#git.open(sessionId);
    const changes = await git.changes(base, tree);
    const groups = groupByTool(changes.filter(({ status }) => status !== 'deleted').map(({ path }) => path));
    if (groups.size === 0) return [];
    const workTree = git.workspace(`syntax-${randomUUID()}`);
    const read = async (tool: SyntaxTool, paths: readonly string[], of: string): Promise<Readings> => {
      await workTree.restore(of);
      return this.#read(tool, paths, { ...workTree.spec, workspaceReadOnly: true, limits }, signal);
    };
    const checks: SyntaxCheck[] = [];
    for (const [tool, paths] of groups) {
      if (tool === null) {
        checks.push(notRun('none', paths.length, `no tool reads ${firstNames(paths, MAX_NAMED)}`));
        continue;
      }
      const after = await read(tool, paths.slice(0, MAX_FILES), tree);
      const bad = 'note' in after ? [] : after.readings.filter(({ state }) => state === 'bad');
      const suspects = bad.map(({ path }) => path);
      const before = bad.length === 0 ? null : await read(tool, suspects, base);
      checks.push(verdictOn(tool, paths, after, before));
    }
    await workTree.remove();
    return checks;
  }

  async #read(tool: SyntaxTool, paths: readonly string[], spec: SandboxSpec, signal: AbortSignal): Promise<Readings> {
    signal.throwIfAborted();
    const argv = ['/bin/bash', '-c', syntaxScript(tool)];
    const options = { stdin: paths.map((path) => `${path}\0`).join(''), signal, limits: { wallMs: TIMEOUT_MS } };
    const run = await runInSandbox(this.#sandbox, argv, spec, options);
    signal.throwIfAborted();
    if (run.exitCode === TOOL_ABSENT) return { note: 'the sandbox has no such tool' };
    if (run.exitCode !== 0) return { note: `the tool did not come to an end (${run.reason})` };
    return { readings: readingsOf(run.stdout) };
  }
}

/** The paths by the tool that reads them, in the order of the tools; those that none reads come last, under null. */
function groupByTool(paths: readonly string[]): Map<SyntaxTool | null, string[]> {
  const toolOf = (path: string) => syntaxTools.find(({ files }) => files.test(path)) ?? null;
  const groups = [...syntaxTools, null].map(
    (tool) => [tool, paths.filter((path) => toolOf(path) === tool)] as [SyntaxTool | null, string[]],
  );
  return new Map(groups.filter(([, mine]) => mine.length > 0));
}

function verdictOn(
  { name }: SyntaxTool,
  paths: readonly string[],
  after: Readings,
  before: Readings | null,
): SyntaxCheck {
  if ('note' in after) return notRun(name, paths.length, `${after.note}: ${firstNames(paths, MAX_NAMED)}`);
  const told = after.readings.filter(({ state }) => state !== 'unknown');
  if (told.length === 0) return notRun(name, paths.length, `${name} cannot judge ${firstNames(paths, MAX_NAMED)}`);
  const bad = told.filter(({ state }) => state === 'bad');
  const known = before !== null && 'readings' in before ? before.readings : [];
  const old = new Set(known.filter(({ state }) => state === 'bad').map(({ path }) => path));
  const fresh = bad.filter(({ path }) => !old.has(path));
  const untold = paths.length - told.length;
  return {
    tool: name,
    files: paths.length,
    verdict: fresh.length > 0 ? 'regressed' : bad.length > 0 ? 'still_failing' : 'passing',
    faults: (fresh.length > 0 ? fresh : bad).map(({ path, message }) => ({ path, message: message.trim() })),
    note: untold === 0 ? null : `${untold} of ${paths.length} could not be judged`,
  };
}

function readingsOf(output: Buffer): Reading[] {
  const parts = output.toString('utf8').split('\0');
  const readings: Reading[] = [];
  for (let index = 0; index + 2 < parts.length; index += 3) {
    readings.push({ state: parts[index] ?? '', path: parts[index + 1] ?? '', message: parts[index + 2] ?? '' });
  }
  return readings;
}

function notRun(tool: string, files: number, note: string): SyntaxCheck {
  return { tool, files, verdict: 'not_run', faults: [], note };
}
