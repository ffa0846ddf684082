import { constants } from 'node:fs';
import { chmod, copyFile, lstat, mkdir, readlink, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { HoldfastError } from '../domain/failure.ts';
import type { Base } from '../domain/session.ts';
import { defaultAuthor } from '../domain/task.ts';
import { removeLeftovers, treeDifference, writeDifference } from './directory-writer.ts';
import { plumb, plumbLine } from './plumbing.ts';
import type { SessionGit } from './session-git.ts';

const MAX_NAMED = 20;

/**
 * Imports a local directory as the commit a session starts from: its files as they are, without what its .gitignore names and
 * without any `.git`. The directory itself is only read, and never through a repository of its own.
 */
export async function importDirectory(git: SessionGit, directory: string): Promise<Base> {
  await git.initialize();
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
 * @throws HoldfastError DIRECTORY_CHANGED naming up to 20 paths.
 */
export async function applyToDirectory(git: SessionGit, { path, base, result }: DirectoryDelivery): Promise<void> {
  await removeLeftovers(path, await treeDifference(git.gitDir, base, result));
  const present = await treeOfDirectory(git, path);
  const foreign = await foreignChanges(git, base, present, result);
  if (foreign.length > 0) {
    const paths = foreign.slice(0, MAX_NAMED);
    throw new HoldfastError('DIRECTORY_CHANGED', `${path} changed since the freeze: ${paths.join(', ')}`, {
      details: { paths },
    });
  }
  await writeDifference(git.gitDir, path, await treeDifference(git.gitDir, present, result));
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
  // File names are bytes, and these need not be UTF-8.
  const files = output
    .toString('latin1')
    .split('\0')
    .filter((file) => file !== '' && !file.endsWith('/'));
  const made = new Set<string>();
  for (const file of files) {
    const parent = dirname(file);
    if (!made.has(parent)) await mkdir(bytesOf(staging.spec.workspace, parent), { recursive: true });
    made.add(parent);
    await copyEntry(bytesOf(directory, file), bytesOf(staging.spec.workspace, file));
  }
  await staging.adopt();
  const tree = await staging.snapshot(empty);
  await staging.remove();
  return tree;
}

function bytesOf(root: string, file: string): Buffer {
  return Buffer.concat([Buffer.from(`${root}/`), Buffer.from(file, 'latin1')]);
}

async function copyEntry(from: Buffer, to: Buffer): Promise<void> {
  const stat = await lstat(from);
  if (stat.isSymbolicLink()) return symlink(await readlink(from, { encoding: 'buffer' }), to);
  if (!stat.isFile()) return; // Sockets and the like have no place in a tree.
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  await chmod(to, stat.mode & 0o111 ? 0o755 : 0o644);
}
