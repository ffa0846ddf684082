import { chmodSync, globSync, rmSync, truncateSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Mirrors } from '../../../src/git/mirrors.ts';
import { leaksBelow } from '../../support/canary-scan.ts';
import { sha256 } from '../../support/lfs-server.ts';
import { authority, startTlsFront } from '../../support/tls-front.ts';
import { behind, commitFiles, linkModules } from '../../support/plant-repository.ts';
import { big, credentials, lfsSetting, rules } from './lfs-setting.ts';

/** A server that is not the one of the repository; answers what it was sent. */
async function elsewhere(content: Buffer = Buffer.alloc(0)) {
  const seen: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers);
    response.end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test('the files of Git LFS are in the work tree with their content, are measured, and come back on a host that has nothing', async () => {
  const { agent, directory, git, source } = await lfsSetting();
  const base = await git.prepare('ses_1', source, credentials);
  const session = git.open('ses_1');
  const workTree = session.workspace();
  await workTree.restore(base.tree);
  expect(await agent(workTree, 'sha256sum < a.bin; cat b.txt')).toBe(`${sha256(big)}  -\ntext\n`);
  expect(await workTree.snapshot(base.tree)).toBe(base.tree);
  const bytes = big.length;
  expect(await session.measure(base.tree)).toEqual({
    files: 3,
    bytes: bytes + rules.length + 5,
    lfs: { files: 1, bytes, isFetched: true },
  });
  expect((await session.ownTree({ source, base }, base.tree)).tree).toBe(await session.treeOf(base.commit));
  rmSync(directory, { recursive: true });
  await git.ensureBase('ses_1', source, base, credentials);
  expect(await git.open('ses_1').isWhole([base.tree])).toBe(true);
  expect(leaksBelow(directory, { token: credentials.token })).toEqual([]);
});

test('a second session asks for nothing that is here', async () => {
  const { git, lfs, source } = await lfsSetting();
  await git.prepare('ses_1', source, credentials);
  await git.prepare('ses_2', source, credentials);
  expect(lfs.calls.map(({ what }) => what)).toEqual(['batch', 'download']);
});

test('without the switch nothing is asked for, and the work tree has the pointer', async () => {
  const { git, lfs, source } = await lfsSetting();
  const { lfs: _on, ...plain } = source;
  const base = await git.prepare('ses_1', plain, credentials);
  expect((await git.open('ses_1').readFile(base.tree, 'a.bin', 1000))?.toString()).toContain('oid sha256:');
  expect(lfs.calls).toEqual([]);
});

test('contents that are damaged here are fetched anew', async () => {
  const { directory, git, source } = await lfsSetting();
  const base = await git.prepare('ses_1', source, credentials);
  const remote = { tenant: 'default', url: `${source.url}#lfs` };
  const objects = join(new Mirrors(join(directory, 'mirrors')).pathOf(remote), 'objects');
  for (const name of globSync('[0-9a-f][0-9a-f]/*', { cwd: objects })) {
    chmodSync(join(objects, name), 0o644);
    truncateSync(join(objects, name), 10);
  }
  expect(await git.open('ses_1').isWhole([base.tree])).toBe(false);
  await git.rebuild('ses_1', source, base, credentials);
  expect(await git.open('ses_1').isWhole([base.tree])).toBe(true);
});

test('contents that a disk lost are asked for again by the next session', async () => {
  const { directory, git, lfs, source } = await lfsSetting();
  await git.prepare('ses_1', source, credentials);
  const remote = { tenant: 'default', url: `${source.url}#lfs` };
  const objects = join(new Mirrors(join(directory, 'mirrors')).pathOf(remote), 'objects');
  for (const name of globSync('[0-9a-f][0-9a-f]/*', { cwd: objects })) rmSync(join(objects, name));
  const base = await git.prepare('ses_2', source, credentials);
  expect(await git.open('ses_2').isWhole([base.tree])).toBe(true);
  expect(lfs.calls).toHaveLength(4);
});

test('what looks like a pointer and is none by the rules stays as it is, and is asked of nobody', async () => {
  const { git, lfs, server, source } = await lfsSetting();
  const sample = `version https://git-lfs.github.com/spec/v1\noid sha256:${'1'.repeat(64)}\nsize 5\n`;
  commitFiles(server.pathOf('app'), { 'docs/sample.txt': sample });
  const base = await git.prepare('ses_1', source, credentials);
  expect((await git.open('ses_1').readFile(base.tree, 'docs/sample.txt', 1000))?.toString()).toBe(sample);
  expect(lfs.calls).toHaveLength(2);
});

test('over TLS the authority that the task names is trusted for the host, and nothing leads out of it', async () => {
  const { git, lfs, source } = await lfsSetting();
  const front = await startTlsFront(lfs.url);
  const secured = { ...source, url: `${front}/app.git` };
  const trusting = { ...credentials, ca: authority };
  await expect(git.prepare('ses_1', secured, trusting)).rejects.toThrow('without encryption');
  lfs.faults = { href: (oid) => `${front}/download/${oid}` };
  await git.prepare('ses_1', secured, trusting);
  await expect(git.prepare('ses_2', secured, credentials)).rejects.toMatchObject({ code: 'HOST_UNTRUSTED' });
});

test('files of Git LFS in a submodule come from the Git LFS of that', async () => {
  const { agent, git, lfs, server, source } = await lfsSetting();
  await server.createRepository('lib', { '.gitattributes': rules, 'lib.bin': lfs.put('library') });
  const commit = behind(server.pathOf('lib'))(['rev-parse', 'main']);
  linkModules(server.pathOf('app'), { 'vendor/lib': { url: '../lib.git', commit } });
  const both = { ...source, submodules: true } as const;
  const base = await git.prepare('ses_1', both, credentials);
  const session = git.open('ses_1');
  const workTree = session.workspace();
  await workTree.restore(base.tree);
  expect(await agent(workTree, 'cat vendor/lib/lib.bin')).toBe('library');
  const { submodules } = await session.fetched();
  const own = await session.ownTree({ source: both, base, submodules }, base.tree);
  expect(own).toEqual({ tree: await session.treeOf(base.commit), uploads: [] });
});

test.each([
  ['other bytes of the same length', (content: Buffer) => Buffer.alloc(content.length, 'x')],
  ['fewer bytes', (content: Buffer) => content.subarray(1)],
  ['more bytes', (content: Buffer) => Buffer.concat([content, content])],
  ['nothing', () => Buffer.alloc(0)],
])('a server that sends %s than the pointer says gets nothing in', async (_, content) => {
  const { directory, git, lfs, source } = await lfsSetting();
  lfs.faults = { content };
  const failed = { code: 'LFS_FAILED', class: 'network', retryable: true };
  await expect(git.prepare('ses_1', source, credentials)).rejects.toMatchObject(failed);
  expect(globSync('ses_1*', { cwd: directory })).toEqual([]);
  lfs.faults = {};
  await git.prepare('ses_1', source, credentials);
});

test.each([
  ['a file that is not there', { status: (what: string) => (what === 'download' ? 404 : undefined) }, 'LFS_FAILED'],
  ['an error of its own', { status: () => 503 }, 'LFS_FAILED'],
  ['a redirect', { status: () => 302 }, 'LFS_FAILED'],
  ['no right to it', { status: () => 403 }, 'REPOSITORY_AUTH_FAILED'],
  ['no such thing', { status: () => 404 }, 'LFS_FAILED'],
  ['what is no JSON', { batch: '<html>' }, 'LFS_FAILED'],
  ['JSON of another kind', { batch: '{"objects": [{"oid": 7}]}' }, 'LFS_FAILED'],
  ['another transfer', { batch: '{"transfer": "tus", "objects": []}' }, 'LFS_FAILED'],
  ['nothing of the file', { batch: '{"objects": []}' }, 'LFS_FAILED'],
  ['a place that is a file of this machine', { href: () => 'file:///etc/passwd' }, 'LFS_FAILED'],
])('a server that answers with %s is told by its code', async (_, faults, code) => {
  const { git, lfs, source } = await lfsSetting();
  lfs.faults = faults;
  await expect(git.prepare('ses_1', source, credentials)).rejects.toMatchObject({ code });
});

test('a file that the server does not have is named', async () => {
  const { git, lfs, source } = await lfsSetting();
  lfs.contents.clear();
  await expect(git.prepare('ses_1', source, credentials)).rejects.toThrow(sha256(big));
});

test('contents may be with another host, which gets what the server says and not the token', async () => {
  const { git, lfs, source } = await lfsSetting();
  const other = await elsewhere(big);
  lfs.faults = { href: (oid) => `${other.url}/${oid}`, header: { 'x-lfs-ticket': 'ticket', Host: 'evil.example' } };
  await git.prepare('ses_1', source, credentials);
  expect(
    other.seen.map(({ authorization, host, ...headers }) => [
      authorization,
      host === 'evil.example',
      headers['x-lfs-ticket'],
    ]),
  ).toEqual([[undefined, false, 'ticket']]);
});

test('contents with an address that the server may not connect to are not asked for', async () => {
  const { git, lfs, source } = await lfsSetting({ allowPrivate: false, networks: ['127.0.0.0/8'] });
  lfs.faults = { href: () => 'http://169.254.169.254/latest/meta-data' };
  await expect(git.prepare('ses_1', source, credentials)).rejects.toMatchObject({
    code: 'LFS_FAILED',
    message: expect.stringContaining('may connect'),
  });
});

test.each([
  ['another host', 'https://elsewhere.example/lfs'],
  ['another port', 'http://127.0.0.1:1/lfs'],
  ['a file of this machine', 'file:///srv/lfs'],
  ['a user of its own', 'http://user:secret@127.0.0.1/lfs'],
  ['what is no URL', 'lfs'],
])('an .lfsconfig that names %s is refused, and nothing is asked', async (_, url) => {
  const { git, lfs, server, source } = await lfsSetting();
  commitFiles(server.pathOf('app'), { '.lfsconfig': `[lfs]\n\turl = ${url}\n[core]\n\tfsmonitor = touch /tmp/RAN\n` });
  await expect(git.prepare('ses_1', source, credentials)).rejects.toMatchObject({ code: 'LFS_REFUSED' });
  expect(lfs.calls).toEqual([]);
});

test('an .lfsconfig may name another path of the same origin', async () => {
  const { git, lfs, server, source } = await lfsSetting();
  commitFiles(server.pathOf('app'), { '.lfsconfig': `[lfs]\n\turl = ${lfs.url}/shared.git/info/lfs/\n` });
  await git.prepare('ses_1', source, credentials);
  expect(lfs.calls).toHaveLength(2);
});

test.each([
  ['more than a work tree has room for', 99_999_999_999_999],
  ['a larger file than any command may write', 3 * 2 ** 30],
])('a pointer to %s is refused before anything is asked', async (_, size) => {
  const { git, lfs, server, source } = await lfsSetting();
  const huge = `version https://git-lfs.github.com/spec/v1\noid sha256:${'1'.repeat(64)}\nsize ${size}\n`;
  commitFiles(server.pathOf('app'), { 'huge.bin': huge });
  await expect(git.prepare('ses_1', source, credentials)).rejects.toMatchObject({ code: 'LFS_REFUSED' });
  expect(lfs.calls).toEqual([]);
});

test('a repository that is not read by http has no Git LFS to be asked', async () => {
  const { git, server } = await lfsSetting();
  const local = { kind: 'repository', url: server.pathOf('app'), lfs: true } as const;
  await expect(git.prepare('ses_1', local)).rejects.toMatchObject({ code: 'LFS_REFUSED' });
});
