import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { CheckRunner } from '../../src/activities/check-runner.ts';
import { SyntaxChecker } from '../../src/activities/syntax-checker.ts';
import { Verifier, type Verdicts } from '../../src/activities/verifier.ts';
import type { Snapshot } from '../../src/domain/snapshot.ts';
import { GitManager } from '../../src/git/git-manager.ts';
import { createSandbox } from '../../src/sandbox/create-sandbox.ts';
import { runInSandbox } from '../../src/sandbox/run-in-sandbox.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { openDirectory } from '../support/open-directory.ts';
import { sampleSession, sampleSnapshot } from '../support/sample-task.ts';

export const SESSION = 'ses_verify';

/** Files by path. */
export type Files = Readonly<Record<string, string>>;

/** A project of real files, its verifier on a real store, real git and the real sandbox. */
export interface VerifierSetting {
  readonly store: Store;
  readonly git: GitManager;
  readonly snapshot: Snapshot;
  readonly syntax: SyntaxChecker;
  /** The tree of the project after a shell command. */
  readonly after: (command: string) => Promise<string>;
  /** Judges the project after a shell command. */
  readonly verify: (command: string, changes: Partial<Snapshot>, round?: number) => Promise<Verdicts>;
  /** A log or another artifact as text. */
  readonly artifact: (name: string) => Promise<string>;
}

export async function verifierSetting(files: Files, timeoutMs = 600_000): Promise<VerifierSetting> {
  const root = openDirectory();
  const project = openDirectory();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(project, path)), { recursive: true });
    writeFileSync(join(project, path), text);
  }
  const sandbox = createSandbox({ mode: 'bwrap' });
  const store = openStore({ directory: join(root, 'store') });
  onTestFinished(() => {
    store.close();
    sandbox.dispose();
  });
  await store.sessions.create(sampleSession(SESSION));
  const git = new GitManager({ sandbox, directory: join(root, 'work') });
  const source = { kind: 'directory', path: project } as const;
  const base = await git.prepare(SESSION, source);
  const model = { provider: 'anthropic', id: 'm', thinkingLevel: 'off' } as const;
  const limits = { maxSteps: 10, maxIterations: 3 };
  const snapshot = sampleSnapshot({ sessionId: SESSION, source, base, model, limits }, { testStrategy: 'full' });
  const syntax = new SyntaxChecker({ git, sandbox });
  const checks = new CheckRunner({ store, git, sandbox });
  const verifier = new Verifier({ store, git, checks, syntax, timeoutMs });
  const after: VerifierSetting['after'] = async (command) => {
    const workTree = git.open(SESSION).workspace('change');
    await workTree.restore(base.tree);
    const run = await runInSandbox(sandbox, ['/bin/bash', '-ec', command], workTree.spec);
    if (run.exitCode !== 0) throw new Error(run.stderr.toString('utf8'));
    return workTree.snapshot(base.tree);
  };
  return {
    store,
    git,
    snapshot,
    syntax,
    after,
    verify: async (command, changes, round = 0) =>
      verifier.verify({ ...snapshot, ...changes }, await after(command), round, new AbortController().signal),
    artifact: async (name) => (await store.artifacts.read(SESSION, name)).bytes.toString('utf8'),
  };
}
