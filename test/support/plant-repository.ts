import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

type Git = (args: readonly string[], input?: Buffer | string, env?: Readonly<Record<string, string>>) => string;

/** Git on a repository behind the server's back. */
export function behind(path: string): Git {
  const who = ['-c', 'safe.directory=*', '-c', 'user.name=x', '-c', 'user.email=x@y', '--git-dir', path];
  return (args, input = '', env = {}) =>
    execFileSync('git', [...who, ...args], { input, encoding: 'utf8', env: { ...process.env, ...env } }).trim();
}

/** One entry of a tree as git stores it. */
export function entry(mode: string, name: string, id: string): Buffer {
  return Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')]);
}

/** Makes `main` of a repository a tree that git itself would not write. */
export function plantTree(
  path: string,
  entries: (blob: (text: string) => string, tree: (content: Buffer) => string) => Buffer,
): void {
  const git = behind(path);
  const blob = (text: string): string => git(['hash-object', '-w', '--stdin'], text);
  const tree = (content: Buffer): string => git(['hash-object', '-w', '-t', 'tree', '--literally', '--stdin'], content);
  const top = tree(entries(blob, tree));
  const commit = Buffer.from(`tree ${top}\nauthor x <x@y> 0 +0000\ncommitter x <x@y> 0 +0000\n\nevil\n`);
  git(['update-ref', 'refs/heads/main', git(['hash-object', '-w', '-t', 'commit', '--stdin'], commit)]);
}

/** A submodule to be linked: the URL as .gitmodules is to write it, and the commit. */
export interface Link {
  readonly url: string;
  readonly commit: string;
  /** Further lines of its section. */
  readonly more?: string;
}

/** Adds a commit to `main` that links to other repositories; answers its id. The files of `main` stay. */
export function linkModules(path: string, links: Readonly<Record<string, Link>>): string {
  const sections = Object.entries(links).map(
    ([place, { url, more = '' }]) => `[submodule "${place}"]\n\tpath = ${place}\n\turl = ${url}\n${more}`,
  );
  return commitEntries(path, [
    ...Object.entries(links).map(([place, { commit }]) => `160000 ${commit}\t${place}`),
    `100644 ${behind(path)(['hash-object', '-w', '--stdin'], sections.join(''))}\t.gitmodules`,
  ]);
}

/** Adds a commit to `main` in which files have another content; answers its id. */
export function commitFiles(path: string, files: Readonly<Record<string, string>>): string {
  const git = behind(path);
  const entries = Object.entries(files).map(
    ([place, text]) => `100644 ${git(['hash-object', '-w', '--stdin'], text)}\t${place}`,
  );
  return commitEntries(path, entries);
}

function commitEntries(path: string, entries: readonly string[]): string {
  const aside = mkdtempSync(join(tmpdir(), 'holdfast-index-'));
  const env = { GIT_INDEX_FILE: join(aside, 'index') };
  const git = behind(path);
  try {
    git(['read-tree', 'main'], '', env);
    git(['update-index', '--index-info'], entries.map((line) => `${line}\n`).join(''), env);
    const commit = git(['commit-tree', git(['write-tree'], '', env), '-p', 'main', '-m', 'more']);
    git(['update-ref', 'refs/heads/main', commit]);
    return commit;
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}
