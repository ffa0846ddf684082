import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { lfsTransport } from '../../../src/activities/lfs-transport.ts';
import { startGitHttpServer } from '../../../src/demo/git-http-server.ts';
import type { OutboundPolicy } from '../../../src/domain/network-address.ts';
import { GitManager } from '../../../src/git/git-manager.ts';
import { createSandbox } from '../../../src/sandbox/create-sandbox.ts';
import { runInSandbox } from '../../../src/sandbox/run-in-sandbox.ts';
import type { WorkTree } from '../../../src/git/work-tree.ts';
import { startLfsServer } from '../../support/lfs-server.ts';
import { openDirectory } from '../../support/open-directory.ts';

/** A canary: it may show up nowhere. */
export const credentials = { username: 'git', token: 'canary-lfs-token-5d1' };
export const rules = '*.bin filter=lfs diff=lfs merge=lfs -text\n';
export const big = Buffer.from('0123456789abcdef'.repeat(20_000));

/** Git and Git LFS behind one origin, and the manager with a real sandbox; `app` has `a.bin` with {@link big} as its content. */
export async function lfsSetting(network: OutboundPolicy = { allowPrivate: true, networks: [] }) {
  const root = openDirectory();
  const sandbox = createSandbox({ mode: 'bwrap' });
  const { username: user, token } = credentials;
  const server = await startGitHttpServer({ root: join(root, 'remote'), user, token });
  const lfs = await startLfsServer({ user, token, behind: server.url });
  onTestFinished(async () => {
    await server.close();
    sandbox.dispose();
  });
  const directory = join(root, 'work');
  const git = new GitManager({ sandbox, directory, lfs: lfsTransport(network) });
  await server.createRepository('app', { '.gitattributes': rules, 'a.bin': lfs.put(big), 'b.txt': 'text\n' });
  const source = { kind: 'repository', url: `${lfs.url}/app.git`, lfs: true } as const;
  const agent = async (workTree: WorkTree, command: string): Promise<string> => {
    const run = await runInSandbox(sandbox, ['/bin/bash', '-c', `exec 2>&1; ${command}`], workTree.spec);
    return run.stdout.toString('utf8');
  };
  return { git, server, lfs, sandbox, directory, source, agent };
}
