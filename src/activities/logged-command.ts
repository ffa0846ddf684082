import { countTests, ranNoTest } from '../domain/test-counts.ts';
import type { CheckEnd } from '../domain/verdict.ts';
import { runInSandbox } from '../sandbox/run-in-sandbox.ts';
import type { Sandbox, SandboxSpec, SpawnOptions } from '../sandbox/sandbox.ts';
import type { Store } from '../store/store.ts';

const TAIL_LINES = 60;
const MAX_TAIL_CHARS = 8000;

/** A command whose output is kept. */
export interface LoggedCommand {
  readonly sessionId: string;
  readonly command: string;
  /** With its limits; the log is as long as the output may be. */
  readonly spec: SandboxSpec;
  readonly env: Readonly<Record<string, string>>;
  /** The name of the log. */
  readonly artifact: string;
  readonly signal: AbortSignal;
}

/**
 * Runs a shell command of the server's (a check, a set-up) in the sandbox to its end, and keeps all it said, without secrets, as an artifact.
 * @throws the reason of the signal: what was broken off is no result
 */
export async function runLogged(
  { sandbox, store }: { readonly sandbox: Sandbox; readonly store: Store },
  { sessionId, command, spec, env, artifact, signal }: LoggedCommand,
): Promise<CheckEnd> {
  signal.throwIfAborted();
  const options: SpawnOptions = { signal, env: { CI: 'true', ...env } };
  const argv = ['/bin/bash', '-c', `exec 2>&1; ${command}`];
  const { exitCode, reason, wallMs, ...output } = await runInSandbox(sandbox, argv, spec, options);
  signal.throwIfAborted();
  const stdout = (await store.redactorOf(sessionId)).bytes(output.stdout);
  const log = await store.artifacts.put(sessionId, artifact, 'text/plain', stdout, Date.now());
  const text = stdout.toString('utf8');
  const tests = countTests(text);
  return {
    exitCode,
    reason,
    wallMs: Math.round(wallMs),
    log: log.blob,
    artifact,
    tail: tailOf(text),
    ...(tests !== null && { tests }),
    ...(ranNoTest(text) && { ranNoTest: true }),
  };
}

function tailOf(output: string): string {
  return output.trimEnd().split('\n').slice(-TAIL_LINES).join('\n').slice(-MAX_TAIL_CHARS);
}
