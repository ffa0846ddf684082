import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { makeAdoptedDirectory } from './adopted-directory.ts';
import { AttemptTrees, type Owner } from './attempt-trees.ts';
import { createBareRepository } from './bare-repository.ts';
import { hashBlobsAhead, hashBlobsOnce } from './hash-memo.ts';
import { patchBetween } from './patch.ts';
import { plumb, plumbLine, plumbList } from './plumbing.ts';
import { makeReadableDirectory } from './readable-directory.ts';
import { runRemote, type Remote } from './remote.ts';
import { withSigningKey } from './signing-key.ts';
import { trackedFiles, type PathPatterns, type TrackedFile } from './tracked-files.ts';
import { ingestPack, WorkTree } from './work-tree.ts';

const BASE_REF = 'refs/holdfast/base';
const REF_NAME = 'holdfast.ref';

/** A changed file. */
export interface Change {
  readonly status: 'created' | 'modified' | 'deleted';
  readonly path: string;
  /** Lines; 0 for a binary file. */
  readonly additions: number;
  readonly deletions: number;
}

/** The git directory of one session: ours alone, bare, outside every work tree. */
export class SessionGit {
  readonly gitDir: string;
  readonly #sandbox: Sandbox;
  readonly #directory: string;
  readonly #attempts: AttemptTrees;

  constructor(sandbox: Sandbox, directory: string) {
    this.#sandbox = sandbox;
    this.#directory = directory;
    this.gitDir = join(directory, 'git');
    this.#attempts = new AttemptTrees(join(directory, 'attempts'), sandbox);
  }

  /** Makes the git directory; `borrowed` is a repository whose objects it uses. */
  async initialize(borrowed: string | null): Promise<void> {
    await makeReadableDirectory(this.#directory);
    await createBareRepository(this.gitDir, {
      // Beats every .gitattributes of the tree: no filter, no text conversion, no re-encoding ever runs.
      'info/attributes': '* -filter -ident !diff !merge -text -working-tree-encoding\n',
      ...(borrowed !== null && { 'objects/info/alternates': `${join(borrowed, 'objects')}\n` }),
    });
  }

  /** Fetches one commit without its history, into objects of its own. */
  async fetchAlone(remote: Remote, commit: string): Promise<void> {
    const options = ['-q', '--depth=1', '--no-tags', '--no-write-fetch-head'];
    await runRemote(this.gitDir, remote, ['fetch', ...options, '--', remote.url, commit]);
  }

  /** The commit the session starts from, or null when it is not here. */
  async base(): Promise<string | null> {
    if (!existsSync(join(this.gitDir, 'HEAD'))) return null;
    try {
      return await plumbLine(this.gitDir, ['rev-parse', '--verify', '-q', `${BASE_REF}^{commit}`]);
    } catch {
      return null;
    }
  }

  /** The name of the ref that the base was found under, as it was given to {@link setBase}; null when it had none. */
  baseRef(): Promise<string | null> {
    return plumbLine(this.gitDir, ['config', '--get', REF_NAME]).catch(() => null);
  }

  /** Pins the commit the session starts from, and the name of its ref. */
  async setBase(commit: string, ref: string | null = null): Promise<void> {
    if (ref !== null) await plumb(this.gitDir, ['config', REF_NAME, ref]);
    await plumb(this.gitDir, ['update-ref', BASE_REF, commit]);
  }

  /** The work tree of the newest attempt, or another one by name; only the agent's has a repository of its own in it. */
  workspace(name?: string): WorkTree {
    return name === undefined ? this.#agentTree(this.#attempts.newest()) : this.#workTree(join(this.#directory, name));
  }

  /** The work tree of a new attempt: with what the last one left, if certainly nobody is in it any more, or empty. */
  async takeWorkspace(epoch: number, owner: Owner): Promise<WorkTree> {
    return this.#agentTree(await this.#attempts.take(epoch, owner));
  }

  /** Says that an attempt is over: whoever comes next may have its work tree. */
  releaseWorkspace(workTree: WorkTree): Promise<void> {
    return AttemptTrees.release(dirname(workTree.spec.workspace));
  }

  #agentTree(directory: string): WorkTree {
    return this.#workTree(join(directory, 'tree'), this.#pinned());
  }

  #workTree(directory: string, base: string | null = null): WorkTree {
    return new WorkTree({ sandbox: this.#sandbox, gitDir: this.gitDir, borrowed: this.borrowed(), directory, base });
  }

  /** A directory of the session's, for what its set-ups download; answers its path. */
  async makeCache(): Promise<string> {
    const cache = join(this.#directory, 'cache');
    await makeAdoptedDirectory(this.#sandbox, cache);
    return cache;
  }

  /** Takes in what another worker has packed, see {@link WorkTree.snapshot}. */
  ingest(pack: Buffer): Promise<void> {
    return ingestPack(this.gitDir, pack);
  }

  /** Everything that trees have and a base has not, as one pack that builds upon nothing else. */
  packSince(base: string, trees: readonly string[]): Promise<Buffer> {
    const revisions = [...trees, `^${base}`].map((name) => `${name}\n`).join('');
    return plumb(this.gitDir, ['pack-objects', '--revs', '--stdout', '-q'], { stdin: revisions });
  }

  /** Makes one pack of many, so that looking things up stays quick; nothing is dropped. */
  async consolidate(): Promise<void> {
    await plumb(this.gitDir, ['repack', '-a', '-d', '-k', '-l', '-q']);
  }

  async has(object: string): Promise<boolean> {
    return plumb(this.gitDir, ['cat-file', '-e', object]).then(
      () => true,
      () => false,
    );
  }

  /** True when everything in the trees can be read, down to the last byte of the last file. */
  async isWhole(trees: readonly string[]): Promise<boolean> {
    const revisions = trees.map((tree) => `${tree}\n`).join('');
    const read = { stdin: revisions, onOutput: () => undefined };
    return plumb(this.gitDir, ['pack-objects', '--revs', '--stdout', '-q', '--no-reuse-object'], read).then(
      () => true,
      () => false,
    );
  }

  treeOf(commit: string): Promise<string> {
    return plumbLine(this.gitDir, ['rev-parse', '--verify', `${commit}^{tree}`]);
  }

  /** Commits a tree. The same arguments make the same commit, whoever calls and how often. */
  commitTree(facts: {
    readonly tree: string;
    readonly parent: string | null;
    readonly message: string;
    readonly author: { readonly name: string; readonly email: string };
    readonly atMs: number;
    /** A private SSH key to sign with; its kind must sign the same way each time. */
    readonly signingKey?: string | undefined;
  }): Promise<string> {
    const { tree, parent, message, author, atMs, signingKey } = facts;
    const date = `@${Math.floor(atMs / 1000)} +0000`;
    const env = {
      GIT_AUTHOR_NAME: author.name,
      GIT_AUTHOR_EMAIL: author.email,
      GIT_AUTHOR_DATE: date,
      GIT_COMMITTER_NAME: author.name,
      GIT_COMMITTER_EMAIL: author.email,
      GIT_COMMITTER_DATE: date,
    };
    const parents = parent === null ? [] : ['-p', parent];
    const commit = ['commit-tree', tree, ...parents];
    if (signingKey === undefined) return plumbLine(this.gitDir, commit, { stdin: message, env });
    return withSigningKey(join(this.#directory, 'signing'), signingKey, (signing) =>
      plumbLine(this.gitDir, [...commit, '-S'], { stdin: message, env: { ...signing, ...env } }),
    );
  }

  /** Paths of all tracked files. */
  listFiles(treeish: string): Promise<string[]> {
    return plumbList(this.gitDir, ['ls-tree', '-r', '-z', '--name-only', '--full-tree', treeish]);
  }

  /** The files that match, see {@link trackedFiles}. */
  findFiles(treeish: string, patterns: PathPatterns): Promise<TrackedFile[]> {
    return trackedFiles(this.gitDir, treeish, patterns);
  }

  /** The content of a file, or null when there is none or it is larger than `maxBytes`. */
  async readFile(treeish: string, path: string, maxBytes: number): Promise<Buffer | null> {
    const options = ['-z', '-l', '--full-tree'];
    const lines = await plumbList(this.gitDir, ['ls-tree', ...options, treeish, '--', `:(literal)${path}`]).catch(
      () => [],
    );
    const [facts = '', found] = lines[0]?.split(/\t(.*)/s) ?? [];
    const [, type, object, size] = facts.split(/ +/);
    if (found !== path || type !== 'blob' || object === undefined || Number(size) > maxBytes) return null;
    return plumb(this.gitDir, ['cat-file', 'blob', object]);
  }

  /** SHA-256 of the content of files, in their order; what was hashed of the same mirror before is not read again. */
  async hashFiles(files: readonly TrackedFile[]): Promise<{ path: string; sha256: string }[]> {
    if (files.length === 0) return [];
    const objects = files.map(({ object }) => object);
    const hashes = await hashBlobsOnce(this.gitDir, this.#lender(), objects);
    return files.map(({ path }, index) => ({ path, sha256: hashes[index] ?? '' }));
  }

  /** Hashes what {@link hashFiles} may be asked for, until it is told to stop. */
  async hashAhead(files: readonly TrackedFile[], until: AbortSignal): Promise<void> {
    const objects = files.map(({ object }) => object);
    await hashBlobsAhead(this.gitDir, this.#lender(), objects, until);
  }

  /** The difference as a patch that `git apply` takes, binary files included. */
  diff(from: string, to: string): Promise<string> {
    return patchBetween(this.gitDir, from, to);
  }

  /** The changed files between two trees. */
  async changes(from: string, to: string): Promise<Change[]> {
    const options = ['-r', '-z', '--no-renames'];
    const names = await plumbList(this.gitDir, ['diff-tree', ...options, '--name-status', from, to]);
    const counts = await plumbList(this.gitDir, ['diff-tree', ...options, '--numstat', from, to]);
    const lines = new Map(
      counts
        .map((line) => line.split(/^([^\t]*)\t([^\t]*)\t/))
        .map(([, added, deleted, path]) => [path, [Number(added) || 0, Number(deleted) || 0]]),
    );
    const changes: Change[] = [];
    for (let index = 0; index + 1 < names.length; index += 2) {
      const path = names[index + 1] ?? '';
      const [additions = 0, deletions = 0] = lines.get(path) ?? [];
      const status = names[index] === 'A' ? 'created' : names[index] === 'D' ? 'deleted' : 'modified';
      changes.push({ status, path, additions, deletions });
    }
    return changes;
  }

  /** The object directories that it borrows from. */
  borrowed(): string[] {
    const file = join(this.gitDir, 'objects', 'info', 'alternates');
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
  }

  /** Where what is known of objects is shared: with the repository they are borrowed from, where there is one. */
  #lender(): string {
    const [borrowed] = this.borrowed();
    return borrowed === undefined ? this.gitDir : dirname(borrowed);
  }

  #pinned(): string | null {
    const file = join(this.gitDir, ...BASE_REF.split('/'));
    return existsSync(file) ? readFileSync(file, 'utf8').trim() : null;
  }
}
