import { HoldfastError } from '../domain/failure.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { CheckEnd } from '../domain/verdict.ts';
import type { SessionGit } from '../git/session-git.ts';
import type { WorkTree } from '../git/work-tree.ts';
import type { FileState } from '../store/journal.ts';
import { LostFiles, noteOfLost } from './lost-files.ts';
import { setUpInputs } from './set-up-inputs.ts';
import type { SetUp } from './set-up.ts';
import { WorkTreeMarker } from './work-tree-marker.ts';

/** Brings the work tree of an attempt to where the records say the session is, and remembers beside it where it stands. */
export class TreeRestorer {
  readonly #git: SessionGit;
  readonly #setUp: SetUp;
  readonly #snapshot: Snapshot;
  readonly #workTree: WorkTree;
  readonly #marker: WorkTreeMarker;
  readonly #lost: LostFiles;

  /** @param parts.worker the name of this worker */
  constructor(parts: {
    readonly git: SessionGit;
    readonly setUp: SetUp;
    readonly snapshot: Snapshot;
    readonly workTree: WorkTree;
    readonly worker: string;
  }) {
    this.#git = parts.git;
    this.#setUp = parts.setUp;
    this.#snapshot = parts.snapshot;
    this.#workTree = parts.workTree;
    this.#marker = new WorkTreeMarker(parts.workTree, parts.worker);
    this.#lost = new LostFiles(parts.workTree.stateDirectory);
  }

  /**
   * True when the model may be asked while the files are still being written: nothing that it is told can depend on them, and no
   * set-up, which may take long and fail, would make the request one for nothing.
   */
  mayLag(files: FileState): boolean {
    return files.ignored.length === 0 && (this.#snapshot.setup ?? []).length === 0;
  }

  /**
   * Makes the files equal these, ready to be worked with.
   * @throws HoldfastError SETUP_FAILED, GIT_FAILED, STORAGE_FAILED, SANDBOX_UNAVAILABLE
   */
  async restore(files: FileState, signal: AbortSignal): Promise<void> {
    if (await this.#isAt(files)) return;
    this.#marker.clear();
    await this.#workTree.restore(files.tree, files.kept);
    const { sandbox, sessionId, setup: commands = [] } = this.#snapshot;
    const { network, limits = {} } = sandbox;
    const job = { sessionId, commands, network, limits, workTree: this.#workTree, files, name: 'agent', signal };
    const failed = await this.#setUp.run(job);
    if (failed !== null && !(await this.#hasOtherInputs(files))) throw setupFailed(failed);
    if (!this.#lost.isKnown()) this.#lost.set(await this.#workTree.absent(await this.#absent(files)));
    this.#marker.set(files);
  }

  /** To be called before anything changes a file. */
  touched(): void {
    this.#marker.clear();
  }

  /** To be called when the files as they are have been committed, in a turn that told the agent what is lost. */
  committed(files: FileState): void {
    this.#marker.set(files);
    this.#lost.set([]);
  }

  /** What the agent is to be told about lost files, or null; restore first, unless the files may lag. */
  note(): string | null {
    return noteOfLost(this.#lost.list());
  }

  async #isAt(files: FileState): Promise<boolean> {
    const said = this.#marker.says(files);
    return said === 'theirs' ? this.#workTree.holds(files.tree) : said === 'mine';
  }

  /**
   * True when the agent has changed what set-ups read. A manifest without its lock yet is work in the middle, which only the agent can
   * finish: what is missing then is no reason to pause.
   */
  async #hasOtherInputs({ tree }: FileState): Promise<boolean> {
    const { tree: base } = this.#snapshot.base;
    return (await setUpInputs(this.#git, tree)) !== (await setUpInputs(this.#git, base));
  }

  /** Ignored files of a checkpoint that a new directory has not. */
  async #absent({ kept, ignored }: FileState): Promise<string[]> {
    const restored = kept === null ? [] : await this.#git.listFiles(kept);
    return ignored.filter((path) => !restored.includes(path));
  }
}

function setupFailed({ artifact, exitCode, reason, tail }: CheckEnd): HoldfastError {
  const how = reason === 'exit' ? `exit code ${exitCode}` : reason;
  const message = `A set-up command failed (${how}); its log is ${artifact}: ${tail.slice(-500)}`;
  return new HoldfastError('SETUP_FAILED', message, { details: { log: artifact } });
}
