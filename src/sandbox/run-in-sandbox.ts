import type { Readable } from 'node:stream';
import type { Sandbox, SandboxResult, SandboxSpec, SpawnOptions } from './sandbox.ts';

/** A command that has ended, with all it wrote. */
export interface SandboxRun extends SandboxResult {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** Runs a command to its end and collects its output (which the limits of the spec bound). */
export async function runInSandbox(
  sandbox: Sandbox,
  argv: readonly string[],
  spec: SandboxSpec,
  options: SpawnOptions = {},
): Promise<SandboxRun> {
  const running = sandbox.spawn(argv, spec, options);
  const [stdout, stderr, result] = await Promise.all([
    collect(running.stdout),
    collect(running.stderr),
    running.result,
  ]);
  return { ...result, stdout, stderr };
}

async function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
