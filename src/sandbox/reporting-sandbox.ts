import type { Sandbox, SandboxProcess } from './sandbox.ts';

/**
 * A sandbox that tells when its walls cannot be built (a workspace that is gone, say), before whoever started the command hears of it:
 * an agent would take it for an answer to its command, and go on.
 */
export function reportingSandbox(sandbox: Sandbox, onUnavailable: (error: unknown) => void): Sandbox {
  const report = (error: unknown): never => {
    onUnavailable(error);
    throw error;
  };
  const spawn: Sandbox['spawn'] = (argv, spec, options) => {
    let running: SandboxProcess;
    try {
      running = sandbox.spawn(argv, spec, options);
    } catch (error) {
      return report(error);
    }
    const result = running.result.catch(report);
    result.catch(() => undefined); // Whoever needs it awaits it.
    return { stdout: running.stdout, stderr: running.stderr, result, kill: (reason) => running.kill(reason) };
  };
  return {
    kind: sandbox.kind,
    enforcement: sandbox.enforcement,
    workspacePath: (spec) => sandbox.workspacePath(spec),
    adopt: (directory) => sandbox.adopt(directory),
    isInUse: (directory) => sandbox.isInUse(directory),
    dispose: () => sandbox.dispose(),
    spawn,
  };
}
