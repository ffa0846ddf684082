import { expect, test } from 'vitest';
import { sha256, startLfsServer } from '../support/lfs-server.ts';
import { behind, commitFiles, linkModules } from '../support/plant-repository.ts';
import { canaries, startSetting } from '../support/scripted-setting.ts';

/** Holdfast as it runs, on a repository with a submodule and files of Git LFS. */

test('both switches of the API: the contract tells the size, the checks have every file, and the branch has link and pointers', async () => {
  const setting = await startSetting();
  const { git, holdfast, fileAt, request } = setting;
  try {
    const lfs = await startLfsServer({ user: 'git', token: canaries.gitToken, behind: git.url });
    await git.createRepository('composed', { 'README.md': '# sample\n' });
    await git.createRepository('lib', { 'lib.txt': 'library\n' });
    const commit = behind(git.pathOf('lib'))(['rev-parse', 'main']);
    linkModules(git.pathOf('composed'), { 'vendor/lib': { url: '../lib.git', commit } });
    const rules = { '.gitattributes': 'mark.txt filter=lfs\n*.bin filter=lfs\n' };
    commitFiles(git.pathOf('composed'), { ...rules, 'a.bin': lfs.put('content') });
    const repoUrl = `${lfs.url}/composed.git`;
    const source = { repoUrl, credentials: { username: 'git', token: canaries.gitToken } };
    const acceptance = ['[ "$(cat vendor/lib/lib.txt a.bin)" = "$(printf "library\\ncontent")" ] && test -s mark.txt'];
    const both = { source: { ...source, submodules: true, lfs: true }, acceptance, branch: 'work' };
    const id = await holdfast.create(request('marked', repoUrl, both));
    const done = await holdfast.reach(id, 'COMPLETE', 'FAILED', 'PAUSED');
    expect(done).toMatchObject({
      state: 'COMPLETE',
      result: { verified: true },
      source: { submodules: true, lfs: true },
    });
    const { data: contract } = (await holdfast.call('GET', `/api/sessions/${id}/contract`)).body;
    expect(contract.size).toMatchObject({
      files: 5,
      submodules: { count: 1, isFetched: true, named: [{ path: 'vendor/lib', commit }] },
      lfs: { files: 1, bytes: 7, isFetched: true },
    });
    const written = behind(git.pathOf('composed'))(['diff', '--name-only', 'main', 'work']);
    expect(written).toBe('mark.txt');
    const mark = fileAt('composed', 'work', 'mark.txt') ?? '';
    const [, oid = ''] = /oid sha256:([0-9a-f]{64})/.exec(mark) ?? [];
    expect(sha256(lfs.contents.get(oid) ?? '')).toBe(oid);
    expect(lfs.contents.get(oid)?.length).toBeGreaterThan(0);
  } finally {
    await setting.stop();
  }
});
