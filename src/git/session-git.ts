import { existsSync, readFileSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Fetched, type BaseSize } from '../domain/base-size.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { makeAdoptedDirectory } from './adopted-directory.ts';
import { AttemptTrees, type Owner } from './attempt-trees.ts';
import { createBareRepository } from './bare-repository.ts';
import { hashBlobsAhead, hashBlobsOnce } from './hash-memo.ts';
import type { Pointed } from './lfs/lfs-delivery.ts';
import { measureBase } from './measure-base.ts';
import { patchBetween } from './patch.ts';
import { plumb, plumbLine, plumbList } from './plumbing.ts';
import { makeReadableDirectory } from './readable-directory.ts';
import { runRemote, type Remote } from './remote.ts';
import { ownTree, settledTree, type ComposedBase } from './settled-tree.ts';
import { withSigningKey } from './signing-key.ts';
import { trackedFiles, type PathPatterns, type TrackedFile } from './tracked-files.ts';
import { treeChanges, type Change } from './tree-changes.ts';
import { ingestPack, WorkTree } from './work-tree.ts';

const BASE_REF = 'refs/holdfast/base';
/** The tree of the base where it is not that of its commit: with the repositories that are part of it. */
const TREE_REF = 'refs/holdfast/tree';
/** What was fetched for it, as JSON. */
const FETCHED_REF = 'refs/holdfast/fetched';
const REF_NAME = 'holdfast.ref';

const nothingFetched: Fetched = { submodules: [], lfs: { files: 0, bytes: 0 } };

/** A tree that is composed of more than its commit. */
export interface ComposedTree {
  readonly tree: string;
  readonly fetched: Fetched;
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

  /** Makes the git directory. */
  async initialize(): Promise<void> {
    await makeReadableDirectory(this.#directory);
    await createBareRepository(this.gitDir, {
      // Beats every .gitattributes of the tree: no filter, no text conversion, no re-encoding ever runs.
      'info/attributes': '* -filter -ident !diff !merge -text -working-tree-encoding\n',
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

  /** Pins the commit the session starts from, the name of its ref, and what other repositories are part of it. */
  async setBase(commit: string, ref: string | null = null, composed: ComposedTree | null = null): Promise<void> {
    if (ref !== null) await plumb(this.gitDir, ['config', REF_NAME, ref]);
    if (composed !== null) {
      const stdin = JSON.stringify(composed.fetched);
      const blob = await plumbLine(this.gitDir, ['hash-object', '-w', '--stdin'], { stdin });
      await plumb(this.gitDir, ['update-ref', FETCHED_REF, blob]);
      await plumb(this.gitDir, ['update-ref', TREE_REF, composed.tree]);
    }
    await plumb(this.gitDir, ['update-ref', BASE_REF, commit]);
  }

  /** The files that the session starts with: those of its commit, and of what was fetched with it. */
  async baseTree(commit: string): Promise<string> {
    const composed = plumbLine(this.gitDir, ['rev-parse', '--verify', '-q', `${TREE_REF}^{tree}`]);
    return composed.catch(() => this.treeOf(commit));
  }

  /** What was fetched beside the commit, and is among the files that the session starts with. */
  async fetched(): Promise<Fetched> {
    const json = await plumb(this.gitDir, ['cat-file', 'blob', FETCHED_REF]).catch(() => null);
    return json === null ? nothingFetched : Fetched.parse(JSON.parse(json.toString('utf8')));
  }

  /** Borrows the objects of one more repository; before anybody else uses the git directory. */
  async borrow(repository: string): Promise<void> {
    const borrowed = new Set([...this.borrowed(), join(repository, 'objects')]);
    const file = join(this.gitDir, 'objects', 'info', 'alternates');
    await writeFile(file, [...borrowed].map((objects) => `${objects}\n`).join(''));
    await chmod(file, 0o644);
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

  /** See {@link ownTree}. */
  ownTree(composed: ComposedBase, tree: string): Promise<Pointed> {
    return ownTree(this.gitDir, composed, tree);
  }

  /** See {@link settledTree}. */
  settledTree(composed: ComposedBase, tree: string): Promise<string> {
    return settledTree(this.gitDir, composed, tree);
  }

  /** See {@link measureBase}. */
  async measure(tree: string): Promise<BaseSize> {
    return measureBase(this.gitDir, tree, await this.fetched());
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
  diff(from: string, to: string): Promise<Buffer> {
    return patchBetween(this.gitDir, from, to);
  }

  /** The changed files between two trees. */
  changes(from: string, to: string): Promise<Change[]> {
    return treeChanges(this.gitDir, from, to);
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
