import { expect, test } from 'vitest';
import { sha256 } from '../../support/lfs-server.ts';
import { big, credentials, lfsSetting } from './lfs-setting.ts';

async function begun() {
  const setting = await lfsSetting();
  const { git, source } = setting;
  const base = await git.prepare('ses_1', source, credentials);
  const session = git.open('ses_1');
  const workTree = session.workspace();
  await workTree.restore(base.tree);
  setting.lfs.calls.length = 0;
  /** What is delivered of the files as they are now. */
  const deliver = async () => {
    const own = await session.ownTree({ source, base }, await workTree.snapshot(base.tree));
    const text = async (path: string) => (await session.readFile(own.tree, path, 10 ** 6))?.toString();
    const upload = () => git.upload({ sessionId: 'ses_1', source, credentials, tree: base.tree }, own.uploads);
    return { ...own, text, upload };
  };
  return { ...setting, base, session, workTree, deliver };
}

test('a file that was not changed keeps its pointer, to the byte, also where another mode or place is all that changed', async () => {
  const { agent, base, deliver, session, workTree } = await begun();
  await agent(workTree, 'echo more >> b.txt; chmod +x a.bin');
  const { tree, uploads } = await deliver();
  expect(uploads).toEqual([]);
  const changes = await session.changes(await session.treeOf(base.commit), tree);
  expect(changes.map(({ path, additions }) => `${path} +${additions}`)).toEqual(['a.bin +0', 'b.txt +1']);
});

test('what is changed, new or elsewhere goes to Git LFS before the push, once, and its pointer is delivered', async () => {
  const { agent, deliver, lfs, workTree } = await begun();
  await agent(
    workTree,
    'printf changed > a.bin; printf new > new.bin; mkdir d; printf new > d/same.bin; : > empty.bin; printf no > not.txt',
  );
  const { text, upload, uploads } = await deliver();
  const pointer = (content: string) =>
    `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256(content)}\nsize ${content.length}\n`;
  expect(await text('a.bin')).toBe(pointer('changed'));
  expect(await text('new.bin')).toBe(pointer('new'));
  expect(await text('d/same.bin')).toBe(pointer('new'));
  expect([await text('empty.bin'), await text('not.txt')]).toEqual(['', 'no']);
  expect(uploads.map(({ path }) => path)).toEqual(['a.bin', 'd/same.bin', 'new.bin']);
  await upload();
  expect([...lfs.contents.keys()].toSorted()).toEqual([sha256(big), sha256('changed'), sha256('new')].toSorted());
  expect(lfs.calls.map(({ what }) => what)).toEqual(['batch', 'upload', 'verify', 'upload', 'verify']);
  await upload();
  expect(lfs.calls.slice(5).map(({ what }) => what)).toEqual(['batch']);
});

test('a content that is moved keeps its id, and is not sent again', async () => {
  const { agent, deliver, lfs, workTree } = await begun();
  await agent(workTree, 'mv a.bin moved.bin; cp moved.bin plain.txt');
  const { text, upload } = await deliver();
  expect(await text('moved.bin')).toContain(sha256(big));
  expect(await text('plain.txt')).toBe(big.toString());
  expect(await text('a.bin')).toBeUndefined();
  await upload();
  expect(lfs.calls.map(({ what }) => what)).toEqual(['batch']);
});

test('a pointer that the agent put back itself is a pointer, and no file of Git LFS', async () => {
  const { agent, base, deliver, session, workTree } = await begun();
  await agent(workTree, 'git checkout -q -f HEAD -- a.bin; cat a.bin');
  const { tree, uploads } = await deliver();
  expect(uploads).toEqual([]);
  expect(tree).toBe(await session.treeOf(base.commit));
});

test('the rules count as the agent leaves them: a file that they no longer give to Git LFS is delivered as it is', async () => {
  const { agent, deliver, workTree } = await begun();
  await agent(workTree, 'echo "*.dat filter=lfs" > .gitattributes; printf data > x.dat; printf bin > y.bin');
  const { text, uploads } = await deliver();
  expect(uploads.map(({ path }) => path)).toEqual(['x.dat']);
  expect(await text('y.bin')).toBe('bin');
  expect(await text('a.bin')).toBe(big.toString());
});

test('an .lfsconfig of the agent does not lead what is sent elsewhere', async () => {
  const { agent, deliver, lfs, workTree } = await begun();
  await agent(workTree, `printf '[lfs]\\n\\turl = http://127.0.0.1:1/lfs\\n' > .lfsconfig; printf new > new.bin`);
  const { upload } = await deliver();
  await upload();
  expect(lfs.contents.has(sha256('new'))).toBe(true);
});

test.each([
  ['refuses the token', { status: () => 401 }, 'REPOSITORY_AUTH_FAILED'],
  [
    'lets a link run out',
    { header: { authorization: 'Bearer run-out' }, status: (what: string) => (what === 'upload' ? 403 : undefined) },
    'LFS_FAILED',
  ],
  ['is full', { status: (what: string) => (what === 'upload' ? 507 : undefined) }, 'LFS_FAILED'],
  [
    'has lost the file when it is looked for',
    { status: (what: string) => (what === 'verify' ? 404 : undefined) },
    'LFS_FAILED',
  ],
])('a server that %s fails the delivery by its code, before anything is pushed', async (_, faults, code) => {
  const { agent, deliver, lfs, workTree } = await begun();
  await agent(workTree, 'printf new > new.bin');
  const { upload } = await deliver();
  lfs.faults = faults;
  await expect(upload()).rejects.toMatchObject({ code });
});
