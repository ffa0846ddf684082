import { createBashToolDefinition, type BashOperations, type ToolDefinition } from '@earendil-works/pi-coding-agent';
import { defaultLimits } from '../../sandbox/limits.ts';
import type { RedactingStream } from '../../redaction/redacting-stream.ts';
import type { Redactor } from '../../redaction/redactor.ts';
import type { CommandAccess, Sandbox, SandboxSpec } from '../../sandbox/sandbox.ts';

/** Below pi's own bounds (50 KB, 2,000 lines): beyond them pi writes a log file on the server and names it to the model. */
const MAX_BYTES = 40_000;
const MAX_LINES = 1_800;
/** What is kept while a command runs. */
const KEPT_BYTES = 256 * 1024;

/**
 * pi's bash tool with commands run in the sandbox; the model sees the end of long output. A command that reaches the wall time that is left
 * to the session is ended like one that reaches its own timeout: the model is told so when the session goes on.
 */
export function bashTool(
  sandbox: Sandbox,
  files: SandboxSpec,
  {
    cwd,
    leftWallMs,
    redactor,
    egress,
    takeRefusals = () => [],
  }: CommandAccess & {
    readonly cwd: string;
    readonly leftWallMs: () => number;
    readonly redactor: Redactor;
  },
): ToolDefinition {
  const spec: SandboxSpec = { ...files, ...(egress !== undefined && { egress }) };
  const operations: BashOperations = {
    exec: async (command, directory, { onData, signal, timeout }) => {
      if (signal?.aborted) throw new Error('aborted');
      const maxMs = Math.min(spec.limits?.wallMs ?? defaultLimits.wallMs, leftWallMs());
      const wallMs = timeout === undefined ? maxMs : Math.min(timeout * 1000, maxMs);
      const options = { cwd: directory, limits: { wallMs }, env: { CI: 'true' }, ...(signal && { signal }) };
      const running = sandbox.spawn(['/bin/bash', '-c', command], spec, options);
      const output = new OutputTail(redactor.stream());
      running.stdout.on('data', (chunk: Buffer) => output.add(chunk));
      running.stderr.on('data', (chunk: Buffer) => output.add(chunk));
      const { reason, exitCode } = await running.result;
      if (reason !== 'exit' && reason !== 'timeout' && reason !== 'aborted')
        output.add(Buffer.from(`\n[sandbox] killed: ${reason}\n`));
      for (const refusal of takeRefusals()) output.add(Buffer.from(`\n${refusal}`));
      onData(output.text());
      // These two messages are pi's protocol for commands that did not end by themselves.
      if (reason === 'aborted') throw new Error('aborted');
      if (reason === 'timeout') throw new Error(`timeout:${wallMs / 1000}`);
      return { exitCode: reason === 'exit' ? exitCode : 137 };
    },
  };
  return createBashToolDefinition(cwd, { operations, exposeSessionEnvironment: false }) as unknown as ToolDefinition;
}

/** The end of an output of any size, in bounded memory. It is redacted before it is cut: half a secret is known by nothing. */
class OutputTail {
  readonly #redacting: RedactingStream;
  #chunks: Buffer[] = [];
  #kept = 0;
  #dropped = 0;

  constructor(redacting: RedactingStream) {
    this.#redacting = redacting;
  }

  add(chunk: Buffer): void {
    this.#keep(Buffer.from(this.#redacting.push(chunk.toString('latin1')), 'latin1'));
  }

  #keep(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#kept += chunk.length;
    while (this.#kept > KEPT_BYTES && this.#chunks.length > 1) {
      const first = this.#chunks.shift();
      this.#kept -= first?.length ?? 0;
      this.#dropped += first?.length ?? 0;
    }
  }

  text(): Buffer {
    this.#keep(Buffer.from(this.#redacting.end(), 'latin1'));
    const all = Buffer.concat(this.#chunks);
    const tail = all.subarray(Math.max(0, all.length - MAX_BYTES)).toString('utf8');
    const lines = tail.split('\n');
    const shown = lines.length > MAX_LINES ? lines.slice(-MAX_LINES).join('\n') : tail;
    const omitted = this.#dropped + all.length - Buffer.byteLength(shown);
    return Buffer.from(omitted > 0 ? `[${omitted} bytes of earlier output are not shown]\n${shown}` : shown);
  }
}
