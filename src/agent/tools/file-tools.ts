import {
  createEditToolDefinition,
  createReadToolDefinition,
  createWriteToolDefinition,
  type ToolDefinition,
} from '@earendil-works/pi-coding-agent';
import type { Redactor } from '../../redaction/redactor.ts';
import { runInSandbox } from '../../sandbox/run-in-sandbox.ts';
import type { Sandbox, SandboxSpec } from '../../sandbox/sandbox.ts';

const MAX_FILE_BYTES = 10 * 2 ** 20;
const TIMEOUT_MS = 30_000;

/**
 * pi's read, write and edit with their file access inside the sandbox. The server itself never opens a file of a work tree: a
 * command could have left a link there that leads to the server's own files.
 */
export function fileTools(
  sandbox: Sandbox,
  spec: SandboxSpec,
  { cwd, redactor }: { readonly cwd: string; readonly redactor: Redactor },
): ToolDefinition[] {
  const run = async (argv: readonly string[], stdin?: string): Promise<Buffer> => {
    const limits = { wallMs: TIMEOUT_MS, outputBytes: MAX_FILE_BYTES };
    const { exitCode, reason, stdout, stderr } = await runInSandbox(sandbox, argv, spec, {
      limits,
      ...(stdin !== undefined && { stdin }),
    });
    if (reason === 'output_limit') throw new Error(`The file is larger than ${MAX_FILE_BYTES} bytes.`);
    if (reason !== 'exit' || exitCode !== 0)
      throw new Error(stderr.toString('utf8').trim() || `${argv[0]} ended: ${reason} ${exitCode}`);
    return stdout;
  };
  const readFile = (path: string): Promise<Buffer> => run(['/bin/cat', '--', path]);
  /** What is shown is redacted before pi cuts it; what is edited is the file as it is. */
  const showFile = async (path: string): Promise<Buffer> => redactor.bytes(await readFile(path));
  const access = async (path: string): Promise<void> =>
    void (await run([
      '/bin/sh',
      '-c',
      'test -r "$1" || { echo "$1: no such readable file" >&2; exit 1; }',
      'access',
      path,
    ]));
  const script = 'mkdir -p -- "$(dirname -- "$1")" && cat > "$1"';
  const writeFile = async (path: string, content: string): Promise<void> =>
    void (await run(['/bin/bash', '-c', script, 'write', path], content));
  const mkdir = async (): Promise<void> => undefined; // writeFile makes the directory, in the same command.
  return [
    createReadToolDefinition(cwd, {
      autoResizeImages: false,
      operations: { readFile: showFile, access, detectImageMimeType: async () => null },
    }),
    createWriteToolDefinition(cwd, { operations: { writeFile, mkdir } }),
    createEditToolDefinition(cwd, { operations: { readFile, writeFile, access } }),
  ] as unknown as ToolDefinition[];
}
