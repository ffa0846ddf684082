import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '../domain/failure.ts';
import { runInSandbox, type SandboxRun } from '../sandbox/run-in-sandbox.ts';
import type { Sandbox, SandboxSpec } from '../sandbox/sandbox.ts';
import { makeAdoptedDirectory } from './adopted-directory.ts';
import { gitEnvironment } from './git-environment.ts';
import { gitFailed, plumb } from './plumbing.ts';
import { makeReadableDirectory } from './readable-directory.ts';
import { removeTree } from './remove-tree.ts';
import { IN_THE_WAY, reopenScript, restoreScript, snapshotScript } from './work-tree-scripts.ts';

const MAX_PACK_BYTES = 512 * 2 ** 20;
const MAX_MASKS = 500;
const TIMEOUT_MS = 10 * 60_000;
/** The first lines of what {@link snapshotScript} answers: tree, kept tree or nothing, ignored paths in base64; the pack follows. */
const HEADER_LINES = 3;

/** Files of a work tree, as git object ids; see FileState of the journal. */
export interface Capture {
  readonly tree: string;
  readonly kept: string | null;
  readonly ignored: readonly string[];
}

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

  /**
   * Makes the directory, if need be, and its files equal the tree; untracked files go, ignored ones stay.
   * @param kept a tree of ignored files, which are restored too.
   */
  async restore(tree: string, kept: string | null = null): Promise<void> {
    await makeAdoptedDirectory(this.#sandbox, this.spec.workspace);
    await makeAdoptedDirectory(this.#sandbox, this.#state);
    const env = { TREE: tree, KEPT: kept ?? '', OWN: this.#base === null ? '0' : '1', BASE: this.#base ?? '' };
    this.#expect(await this.#git(restoreScript, env), 'restore');
  }

  /** True when the files, ignored ones aside, are exactly this tree; false also when that cannot be found out. */
  async holds(tree: string): Promise<boolean> {
    return this.snapshot(tree).then(
      (now) => now === tree,
      () => false,
    );
  }

  /** The tree of the files as they are now; see {@link capture}. */
  async snapshot(known: string): Promise<string> {
    return (await this.capture({ tree: known, kept: null }, [], async () => undefined)).tree;
  }

  /**
   * The files as they are now, durable in our git directory when the promise resolves.
   * @param known trees that are there already, to be built upon.
   * @param include globs of ignored files that are to be kept too.
   * @param keep gets what is new as a (thin) pack, before the promise resolves; see {@link ingestPack}.
   */
  async capture(
    known: Pick<Capture, 'tree' | 'kept'>,
    include: readonly string[],
    keep: (pack: Buffer) => Promise<void>,
  ): Promise<Capture> {
    const variables = { KNOWN: known.tree, KNOWN_KEPT: known.kept ?? '', INCLUDE: include.join('\n') };
    const first = await this.#take(variables);
    if (first.reason === 'exit' && first.exitCode === 0) return this.#ingest(first.stdout, known, keep);
    await rm(join(this.#state, 'index'), { force: true }); // A crash may have torn it; it is only a cache.
    const second = await this.#take(variables);
    this.#expect(second, 'snapshot');
    return this.#ingest(second.stdout, known, keep);
  }

  /** Those of some paths that are not here, in their order. */
  async absent(paths: readonly string[]): Promise<string[]> {
    if (paths.length === 0) return [];
    const script = 'while IFS= read -r -d "" path; do [ -e "$path" ] || [ -L "$path" ] || printf "%s\\0" "$path"; done';
    const stdin = paths.map((path) => `${path}\0`).join('');
    const run = await runInSandbox(this.#sandbox, ['/bin/bash', '-c', script], this.spec, { stdin });
    this.#expect(run, 'listing');
    return run.stdout.toString('utf8').split('\0').filter(Boolean);
  }

  /** Hands files that the server put there to the sandbox's user. */
  adopt(): Promise<void> {
    return this.#sandbox.adopt(this.spec.workspace);
  }

  /** Makes a further directory, beside the work tree, for commands that are given it as a writable path; answers that path. */
  async makeScratch(): Promise<string> {
    const directory = `${this.spec.workspace}.scratch`;
    await makeReadableDirectory(directory);
    await this.#sandbox.adopt(directory);
    return directory;
  }

  /** Removes the directory and everything beside it. */
  async remove(): Promise<void> {
    await rm(`${this.spec.workspace}.scratch`, { recursive: true, force: true });
    await removeTree(this.spec.workspace);
    await rm(this.#state, { recursive: true, force: true });
  }

  async #take(variables: Record<string, string>): Promise<SandboxRun> {
    let run = await this.#list(variables);
    if (oddities(run).some(({ kind }) => kind === 'u')) {
      await this.#git(reopenScript, {});
      run = await this.#list(variables);
    }
    const odd = oddities(run);
    if (odd.length === 0) return run;
    if (odd.length > MAX_MASKS) {
      throw new HoldfastError('GIT_FAILED', `The work tree has ${odd.length} nested repositories.`);
    }
    const root = this.#sandbox.workspacePath(this.spec);
    const masks = odd.map(({ kind, path }) => ({ directory: kind === 'd', path: join(root, path) }));
    return this.#git(snapshotScript, { ...variables, MASKED: '1' }, { workspaceReadOnly: true, masks });
  }

  /** The tree, or a list of what is in git's way. */
  #list(variables: Record<string, string>): Promise<SandboxRun> {
    return this.#git(snapshotScript, { ...variables, MASKED: '' }, { workspaceReadOnly: true });
  }

  async #ingest(
    output: Buffer,
    known: Pick<Capture, 'tree' | 'kept'>,
    keep: (pack: Buffer) => Promise<void>,
  ): Promise<Capture> {
    const { capture, pack } = parseCapture(output);
    const fresh = [capture.tree, capture.kept].filter((tree) => tree !== null && !Object.values(known).includes(tree));
    if (fresh.length > 0) {
      await Promise.all([ingestPack(this.#gitDir, pack), keep(pack)]);
      await plumb(this.#gitDir, ['rev-list', '--objects', '--quiet', ...(fresh as string[]), `^${known.tree}`]);
    }
    return capture;
  }

  #git(script: string, variables: Record<string, string>, walls: Partial<SandboxSpec> = {}): Promise<SandboxRun> {
    const spec: SandboxSpec = { ...this.spec, ...walls, readWrite: [this.#state] };
    const env = {
      // All of this can be made anew; what must last is written by whoever takes it in.
      ...gitEnvironment('nothing', { 'core.fsync': 'none', 'checkout.workers': '0' }),
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
    if (run.reason === 'disk_limit') {
      throw new HoldfastError('STORAGE_FAILED', `The disk of the work trees is too full for the ${what}.`);
    }
    throw gitFailed(`The ${what} of the work tree failed (${run.reason}, ${run.exitCode}): ${said}`);
  }
}

function parseCapture(output: Buffer): { readonly capture: Capture; readonly pack: Buffer } {
  const lines: string[] = [];
  let start = 0;
  for (let line = 0; line < HEADER_LINES; line += 1) {
    const end = output.indexOf(10, start);
    lines.push(output.subarray(start, end).toString('latin1'));
    start = end + 1;
  }
  const [tree = '', kept = '', ignored = ''] = lines;
  if (!isObjectId(tree) || (kept !== '' && !isObjectId(kept)))
    throw new HoldfastError('GIT_FAILED', 'The sandbox answered no tree.');
  const paths = Buffer.from(ignored, 'base64').toString('utf8').split('\0').slice(0, -1);
  return { capture: { tree, kept: kept === '' ? null : kept, ignored: paths }, pack: output.subarray(start) };
}

function isObjectId(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text);
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
