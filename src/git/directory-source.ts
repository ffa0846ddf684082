import { constants } from 'node:fs';
import { chmod, copyFile, lstat, mkdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HoldfastError } from '../domain/failure.ts';
import type { Base } from '../domain/session.ts';
import { defaultAuthor } from '../domain/task.ts';
import { plumb, plumbLine, plumbList } from './plumbing.ts';
import type { SessionGit } from './session-git.ts';

const MAX_NAMED = 20;

/**
 * Imports a local directory as the commit a session starts from: its files as they are, without what its .gitignore names and
 * without any `.git`. The directory itself is only read, and never through a repository of its own.
 */
export async function importDirectory(git: SessionGit, directory: string): Promise<Base> {
  const pinned = await git.base();
  if (pinned !== null) return { commit: pinned, tree: await git.treeOf(pinned), ref: directory };
  await git.initialize(null);
  const tree = await treeOfDirectory(git, directory);
  const commit = await git.commitTree({
    tree,
    parent: null,
    message: 'Directory as imported\n',
    author: defaultAuthor,
    atMs: 0,
  });
  await git.setBase(commit);
  return { commit, tree, ref: directory };
}

/** What is to be brought back: the difference between two trees. */
export interface DirectoryDelivery {
  readonly path: string;
  readonly base: string;
  readonly result: string;
}

/**
 * Writes the difference between base and result into the directory. What differs from the base there must already equal the result:
 * so a delivery that was cut short can be repeated, and nothing that somebody else changed is ever overwritten.
 * @throws HoldfastError DIRECTORY_CHANGED naming the paths.
 */
export async function applyToDirectory(git: SessionGit, { path, base, result }: DirectoryDelivery): Promise<void> {
  const present = await treeOfDirectory(git, path);
  const foreign = await foreignChanges(git, base, present, result);
  if (foreign.length > 0) {
    const named = foreign.slice(0, MAX_NAMED).join(', ');
    throw new HoldfastError('DIRECTORY_CHANGED', `${path} changed since the freeze: ${named}`, {
      details: { paths: foreign },
    });
  }
  for (const change of await git.changes(present, result)) {
    if (change.status === 'deleted') await rm(join(path, change.path), { force: true });
    else await writeEntry(git, path, result, change.path);
  }
}

async function foreignChanges(git: SessionGit, base: string, present: string, result: string): Promise<string[]> {
  const changed = (await git.changes(base, present)).map((change) => change.path);
  const open = new Set((await git.changes(present, result)).map((change) => change.path));
  const ours = new Set((await git.changes(base, result)).map((change) => change.path));
  return changed.filter((file) => open.has(file) || !ours.has(file));
}

/** Copies the files aside, where the sandbox may read them, and takes the tree there. */
async function treeOfDirectory(git: SessionGit, directory: string): Promise<string> {
  const staging = git.workspace('import');
  await staging.remove();
  const empty = await plumbLine(git.gitDir, ['mktree']);
  await staging.restore(empty);
  const index = join(git.gitDir, 'import.index');
  await rm(index, { force: true });
  // With an empty index everything is "other"; a nested repository is listed as a directory and left out.
  const env = { GIT_WORK_TREE: directory, GIT_INDEX_FILE: index };
  const output = await plumb(git.gitDir, ['-C', directory, 'ls-files', '--others', '--exclude-standard', '-z'], {
    env,
  });
  const files = output
    .toString('utf8')
    .split('\0')
    .filter((file) => file !== '' && !file.endsWith('/'));
  for (const file of files) await copyEntry(join(directory, file), join(staging.spec.workspace, file));
  await staging.adopt();
  const tree = await staging.snapshot(empty);
  await staging.remove();
  return tree;
}

async function copyEntry(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  const stat = await lstat(from);
  if (stat.isSymbolicLink()) return symlink(await readlink(from), to);
  if (!stat.isFile()) return; // Sockets and the like have no place in a tree.
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  await chmod(to, stat.mode & 0o111 ? 0o755 : 0o644);
}

async function writeEntry(git: SessionGit, root: string, tree: string, file: string): Promise<void> {
  const [line = ''] = await plumbList(git.gitDir, ['ls-tree', '-z', '--full-tree', tree, '--', `:(literal)${file}`]);
  const [mode, , object = ''] = line.split(/\s+/);
  const content = await plumb(git.gitDir, ['cat-file', 'blob', object]);
  await makeParents(root, dirname(file));
  const target = join(root, file);
  const temporary = `${target}.holdfast-tmp`;
  await rm(temporary, { force: true });
  if (mode === '120000') await symlink(content.toString('utf8'), temporary);
  else await writeFile(temporary, content, { mode: mode === '100755' ? 0o755 : 0o644, flag: 'wx' });
  await rename(temporary, target);
}

/** Parents are made one by one, so that none of them is a link that leads out of the directory. */
async function makeParents(root: string, directory: string): Promise<void> {
  let path = root;
  for (const part of directory.split('/').filter((name) => name !== '.')) {
    path = join(path, part);
    const stat = await lstat(path).catch(() => null);
    if (stat === null) await mkdir(path);
    else if (!stat.isDirectory()) throw new HoldfastError('DIRECTORY_CHANGED', `${path} is not a directory any more.`);
  }
}
