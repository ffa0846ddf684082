import { Type } from '@earendil-works/pi-ai';
import { defineTool, type ToolDefinition } from '@earendil-works/pi-coding-agent';
import type { Redactor } from '../../redaction/redactor.ts';
import { runInSandbox } from '../../sandbox/run-in-sandbox.ts';
import type { Sandbox, SandboxSpec } from '../../sandbox/sandbox.ts';

const TIMEOUT_MS = 60_000;
const MAX_LINE_CHARS = 500;
const MAX_BYTES = 50_000;

const optional = {
  text: Type.Optional(Type.String()),
  flag: Type.Optional(Type.Boolean()),
  number: Type.Optional(Type.Number()),
};

/** Lists by .gitignore's rules where ripgrep is there; else without them. */
const findScript = `if command -v rg >/dev/null; then rg --files --hidden --glob '!.git/' --glob "$1" -- "$2"
else find "$2" -name .git -prune -o -type f -name "\${1##*/}" -print; fi | head -n "$3"`;

const grepScript = `limit=$1; path=$2; pattern=$3; shift 3
if command -v rg >/dev/null; then rg --line-number --no-heading --hidden --glob '!.git/' "$@" -e "$pattern" -- "$path"
else grep -rnE --exclude-dir=.git -e "$pattern" -- "$path"; fi | head -n "$limit"`;

/**
 * grep, find and ls under pi's names and parameters, but run inside the sandbox: pi's own run programs on the server and read its paths.
 */
export function searchTools(sandbox: Sandbox, spec: SandboxSpec, redactor: Redactor): ToolDefinition[] {
  const run = async (
    script: string,
    args: readonly string[],
  ): Promise<{ content: { type: 'text'; text: string }[]; details: undefined }> => {
    const limits = { wallMs: TIMEOUT_MS, outputBytes: 4 * 2 ** 20 };
    const { stdout, stderr, exitCode } = await runInSandbox(
      sandbox,
      ['/bin/bash', '-c', script, 'search', ...args],
      spec,
      { limits },
    );
    const complaint = stderr.toString('utf8').trim();
    if (stdout.length === 0 && complaint !== '') throw new Error(complaint.slice(0, 1000));
    if (exitCode === null) throw new Error('The search took too long.');
    const lines = redactor.bytes(stdout).toString('utf8').trimEnd().split('\n');
    const text = lines
      .map((line) => line.slice(0, MAX_LINE_CHARS))
      .join('\n')
      .slice(0, MAX_BYTES);
    return { content: [{ type: 'text', text: text === '' ? 'Nothing found.' : text }], details: undefined };
  };
  const grep = defineTool({
    name: 'grep',
    label: 'grep',
    description: 'Search file contents for a pattern. Answers path:line:text. Respects .gitignore.',
    parameters: Type.Object({
      pattern: Type.String(),
      path: optional.text,
      glob: optional.text,
      ignoreCase: optional.flag,
      literal: optional.flag,
      context: optional.number,
      limit: optional.number,
    }),
    execute: (_id, { pattern, path, glob, ignoreCase, literal, context, limit }) => {
      const flags = [
        ...(ignoreCase === true ? ['--ignore-case'] : []),
        ...(literal === true ? ['--fixed-strings'] : []),
        ...(context === undefined ? [] : ['--context', String(Math.trunc(context))]),
        ...(glob === undefined ? [] : ['--glob', glob]),
      ];
      return run(grepScript, [String(Math.trunc(limit ?? 100)), path ?? '.', pattern, ...flags]);
    },
  });
  const find = defineTool({
    name: 'find',
    label: 'find',
    description: 'Find files by glob pattern, for example "**/*.ts". Respects .gitignore.',
    parameters: Type.Object({ pattern: Type.String(), path: optional.text, limit: optional.number }),
    execute: (_id, { pattern, path, limit }) =>
      run(findScript, [pattern, path ?? '.', String(Math.trunc(limit ?? 1000))]),
  });
  const ls = defineTool({
    name: 'ls',
    label: 'ls',
    description: 'List a directory; directories end with a slash.',
    parameters: Type.Object({ path: optional.text, limit: optional.number }),
    execute: (_id, { path, limit }) =>
      run('ls -1Ap -- "$1" | head -n "$2"', [path ?? '.', String(Math.trunc(limit ?? 500))]),
  });
  return [grep, find, ls] as unknown as ToolDefinition[];
}
