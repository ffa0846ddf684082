import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { lfsTransport } from '../../../src/activities/lfs-transport.ts';
import { GitManager } from '../../../src/git/git-manager.ts';
import { createSandbox } from '../../../src/sandbox/create-sandbox.ts';
import { runInSandbox } from '../../../src/sandbox/run-in-sandbox.ts';
import { callGitea as call, gitea, hasNoGitea } from '../../support/gitea.ts';
import { openDirectory } from '../../support/open-directory.ts';

const { url: baseUrl, token } = gitea;
const name = `holdfast-lfs-${process.pid}-${Date.now()}`;
let owner = '';

function manager() {
  const sandbox = createSandbox({ mode: 'bwrap' });
  onTestFinished(() => sandbox.dispose());
  const git = new GitManager({
    sandbox,
    directory: openDirectory(),
    lfs: lfsTransport({ allowPrivate: true, networks: [] }),
  });
  return { git, sandbox };
}

describe.skipIf(hasNoGitea)('the Git LFS of a real Gitea', () => {
  beforeAll(async () => {
    owner = (await call('GET', '/user')).login;
    await call('POST', '/user/repos', { name, auto_init: true, default_branch: 'main' });
  });
  afterAll(async () => {
    await call('DELETE', `/repos/${owner}/${name}`);
  });

  test('keeps what is changed before the push, is asked for nothing twice, and gives it to another host', async () => {
    const source = { kind: 'repository', url: `${baseUrl}/${owner}/${name}.git`, lfs: true } as const;
    const { git, sandbox } = manager();
    const base = await git.prepare('ses_1', source, { token });
    const session = git.open('ses_1');
    const workTree = session.workspace();
    await workTree.restore(base.tree);
    const script = 'echo "*.bin filter=lfs" > .gitattributes; head -c 3000000 /dev/urandom > a.bin; sha256sum < a.bin';
    const made = await runInSandbox(sandbox, ['/bin/bash', '-c', script], workTree.spec);
    const { tree, uploads } = await session.ownTree({ source, base }, await workTree.snapshot(base.tree));
    const author = { name: 'Ada', email: 'ada@example.test' };
    const commit = await session.commitTree({ tree, parent: base.commit, message: 'x\n', author, atMs: 0 });
    const push = { sessionId: 'ses_1', source, credentials: { token }, tree: base.tree, branch: 'main' };
    await git.upload(push, uploads);
    await git.upload(push, uploads);
    await git.push({ ...push, commit, expected: base.commit });
    const other = manager();
    const again = await other.git.prepare('ses_2', source, { token });
    const there = other.git.open('ses_2').workspace();
    await there.restore(again.tree);
    const found = await runInSandbox(other.sandbox, ['/bin/bash', '-c', 'sha256sum < a.bin'], there.spec);
    expect(found.stdout.toString()).toBe(made.stdout.toString());
    expect(again.commit).toBe(commit);
  });
});
