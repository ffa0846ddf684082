import { onTestFinished } from 'vitest';
import { join } from 'node:path';
import { startGitHttpServer, type Fault, type GitHttpServer } from '../../src/demo/git-http-server.ts';
import { GitManager } from '../../src/git/git-manager.ts';
import { createSandbox } from '../../src/sandbox/create-sandbox.ts';
import { runInSandbox } from '../../src/sandbox/run-in-sandbox.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import type { WorkTree } from '../../src/git/work-tree.ts';
import { canary } from '../support/canary-scan.ts';
import { openDirectory } from '../support/open-directory.ts';

/** A canary: it may show up nowhere. */
export const credentials = { username: 'git', token: canary('token') };

/** Real git on both sides: a server behind Basic authentication, and the manager with a real sandbox. */
export interface GitSetting {
  readonly git: GitManager;
  readonly server: GitHttpServer;
  readonly sandbox: Sandbox;
  /** The manager's directory. */
  readonly directory: string;
  /** Runs a command of the agent in a work tree. */
  readonly agent: (workTree: WorkTree, command: string) => Promise<string>;
}

export async function gitSetting(fault?: Fault): Promise<GitSetting> {
  const root = openDirectory();
  const sandbox = createSandbox({ mode: 'bwrap' });
  const server = await startGitHttpServer({
    root: join(root, 'remote'),
    user: 'git',
    token: credentials.token,
    ...(fault && { fault }),
  });
  onTestFinished(async () => {
    await server.close();
    sandbox.dispose();
  });
  const directory = join(root, 'work');
  return {
    git: new GitManager({ sandbox, directory }),
    server,
    sandbox,
    directory,
    agent: async (workTree, command) => {
      const run = await runInSandbox(sandbox, ['/bin/bash', '-c', `exec 2>&1; ${command}`], workTree.spec);
      return run.stdout.toString('utf8');
    },
  };
}
