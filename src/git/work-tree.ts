import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '../domain/failure.ts';
import { runInSandbox, type SandboxRun } from '../sandbox/run-in-sandbox.ts';
import type { Sandbox, SandboxSpec } from '../sandbox/sandbox.ts';
import { gitEnvironment } from './git-environment.ts';
import { plumb } from './plumbing.ts';
import { makeReadableDirectory } from './readable-directory.ts';
import { IN_THE_WAY, reopenScript, restoreScript, snapshotScript } from './work-tree-scripts.ts';

const MAX_PACK_BYTES = 512 * 2 ** 20;
const MAX_MASKS = 500;
const TIMEOUT_MS = 10 * 60_000;
/** A disposable directory with the files of a session. Git looks at it only from inside the sandbox, with our git directory read-only. */
export class WorkTree {
  /** The walls for commands in this work tree. */
  readonly spec: SandboxSpec;
  readonly #sandbox: Sandbox;
  readonly #gitDir: string;
  readonly #state: string;
  readonly #base: string | null;

  /** @param options.base the commit at which the agent's own repository starts; null for none. */
  constructor(options: {
    readonly sandbox: Sandbox;
    readonly gitDir: string;
    /** Directories whose objects the git directory borrows. */
    readonly borrowed: readonly string[];
    readonly directory: string;
    readonly base: string | null;
  }) {
    const { sandbox, gitDir, borrowed, directory, base } = options;
    this.#sandbox = sandbox;
    this.#gitDir = gitDir;
    this.#state = `${directory}.state`;
    this.#base = base;
    this.spec = { workspace: directory, readOnly: [gitDir, ...borrowed], gitDir: 'owned' };
  }

  /** A directory beside the work tree, which no command sees. */
  get stateDirectory(): string {
    return this.#state;
  }

  /** Makes the directory, if need be, and its files equal the tree; untracked files go, ignored ones stay. */
  async restore(tree: string): Promise<void> {
    await this.#create();
    const env = { TREE: tree, OWN: this.#base === null ? '0' : '1', BASE: this.#base ?? '' };
    this.#expect(await this.#git(restoreScript, env), 'restore');
  }

  /**
   * The tree of the files as they are now, durable in our git directory when the promise resolves.
   * @param known a tree that is there already, to be built upon.
   * @param keep gets what is new as a (thin) pack, before the promise resolves; see {@link ingestPack}.
   */
  async snapshot(known: string, keep: (pack: Buffer) => Promise<void> = async () => undefined): Promise<string> {
    const first = await this.#take(known);
    if (first.reason === 'exit' && first.exitCode === 0) return this.#ingest(first.stdout, known, keep);
    await rm(join(this.#state, 'index'), { force: true }); // A crash may have torn it; it is only a cache.
    const second = await this.#take(known);
    this.#expect(second, 'snapshot');
    return this.#ingest(second.stdout, known, keep);
  }

  /** Hands files that the server put there to the sandbox's user. */
  adopt(): Promise<void> {
    return this.#sandbox.adopt(this.spec.workspace);
  }

  /** Removes the directory and everything beside it. */
  async remove(): Promise<void> {
    await rm(this.spec.workspace, { recursive: true, force: true });
    await rm(this.#state, { recursive: true, force: true });
  }

  async #create(): Promise<void> {
    for (const directory of [this.spec.workspace, this.#state]) {
      if (existsSync(directory)) continue;
      await makeReadableDirectory(directory);
      await this.#sandbox.adopt(directory);
    }
  }

  async #take(known: string): Promise<SandboxRun> {
    let run = await this.#list(known);
    if (oddities(run).some(({ kind }) => kind === 'u')) {
      await this.#git(reopenScript, {});
      run = await this.#list(known);
    }
    const odd = oddities(run);
    if (odd.length === 0) return run;
    if (odd.length > MAX_MASKS) {
      throw new HoldfastError('GIT_FAILED', `The work tree has ${odd.length} nested repositories.`);
    }
    const root = this.#sandbox.workspacePath(this.spec);
    const masks = odd.map(({ kind, path }) => ({ directory: kind === 'd', path: join(root, path) }));
    return this.#git(snapshotScript, { KNOWN: known, MASKED: '1' }, { workspaceReadOnly: true, masks });
  }

  /** The tree, or a list of what is in git's way. */
  #list(known: string): Promise<SandboxRun> {
    return this.#git(snapshotScript, { KNOWN: known, MASKED: '' }, { workspaceReadOnly: true });
  }

  async #ingest(output: Buffer, known: string, keep: (pack: Buffer) => Promise<void>): Promise<string> {
    const end = output.indexOf(10);
    const tree = output.subarray(0, end).toString('latin1');
    if (!/^[0-9a-f]{40}$/.test(tree)) throw new HoldfastError('GIT_FAILED', 'The sandbox answered no tree.');
    if (tree === known) return tree;
    const pack = output.subarray(end + 1);
    await Promise.all([ingestPack(this.#gitDir, pack), keep(pack)]);
    await plumb(this.#gitDir, ['rev-list', '--objects', '--quiet', tree, `^${known}`]);
    return tree;
  }

  #git(script: string, variables: Record<string, string>, walls: Partial<SandboxSpec> = {}): Promise<SandboxRun> {
    const spec: SandboxSpec = { ...this.spec, ...walls, readWrite: [this.#state] };
    const env = {
      ...gitEnvironment('nothing'),
      GIT_DIR: this.#gitDir,
      GIT_WORK_TREE: this.#sandbox.workspacePath(spec),
      GIT_INDEX_FILE: join(this.#state, 'index'),
      GIT_OBJECT_DIRECTORY: '/tmp/objects',
      GIT_ALTERNATE_OBJECT_DIRECTORIES: join(this.#gitDir, 'objects'),
      ...variables,
    };
    return runInSandbox(this.#sandbox, ['/bin/bash', '-c', script], spec, {
      env,
      limits: { wallMs: TIMEOUT_MS, outputBytes: MAX_PACK_BYTES, tmpBytes: 2 * MAX_PACK_BYTES },
    });
  }

  #expect(run: SandboxRun, what: string): void {
    if (run.reason === 'exit' && run.exitCode === 0) return;
    const said = run.stderr.toString('utf8').trim().slice(0, 2000);
    throw new HoldfastError(
      'GIT_FAILED',
      `The ${what} of the work tree failed (${run.reason}, ${run.exitCode}): ${said}`,
    );
  }
}

/** Something in the work tree that git cannot be let at, see {@link snapshotScript}. */
interface Oddity {
  readonly kind: string;
  readonly path: string;
}

function oddities(run: SandboxRun): Oddity[] {
  if (run.reason !== 'exit' || run.exitCode !== IN_THE_WAY) return [];
  const items = run.stdout.toString('utf8').split('\0').filter(Boolean);
  return items.map((item) => ({ kind: item.slice(0, 1), path: item.slice(2) }));
}

/** Takes a pack into a git directory. It is not trusted: every object of it is checked. What it builds upon must be there. */
export async function ingestPack(gitDir: string, pack: Buffer): Promise<void> {
  const limits = ['--strict', `--max-input-size=${MAX_PACK_BYTES}`];
  await plumb(gitDir, ['index-pack', '--stdin', '--fix-thin', ...limits], { stdin: pack });
}
