import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createSandbox } from '../../src/sandbox/create-sandbox.ts';
import { runInSandbox, type SandboxRun } from '../../src/sandbox/run-in-sandbox.ts';
import type { Sandbox, SandboxSpec, SpawnOptions } from '../../src/sandbox/sandbox.ts';
import { openDirectory } from '../support/open-directory.ts';

/** A real sandbox with a workspace of its own. */
export interface SandboxSetting {
  readonly sandbox: Sandbox;
  /** Outside of the workspace, beside it. */
  readonly directory: string;
  readonly spec: SandboxSpec;
  /** Runs a shell command and answers its output and end. */
  readonly bash: (command: string, options?: SpawnOptions) => Promise<SandboxRun & { readonly out: string }>;
}

export async function sandboxSetting(changes: Partial<SandboxSpec> = {}): Promise<SandboxSetting> {
  const sandbox = createSandbox({ mode: 'bwrap' });
  onTestFinished(() => sandbox.dispose());
  const directory = openDirectory();
  const workspace = join(directory, 'workspace');
  mkdirSync(workspace);
  await sandbox.adopt(workspace);
  const spec = { workspace, ...changes };
  return {
    sandbox,
    directory,
    spec,
    bash: async (command, options) => {
      const run = await runInSandbox(sandbox, ['/bin/bash', '-c', `exec 2>&1; ${command}`], spec, options);
      return { ...run, out: run.stdout.toString('utf8') };
    },
  };
}
