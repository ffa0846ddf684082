import type { Snapshot } from '../domain/snapshot.ts';
import { usesLfs } from '../domain/task.ts';
import { shellQuoted } from './shell-quoted.ts';

/** What a session is reproduced from. */
export interface Reproducible {
  readonly sessionId: string;
  readonly source: Snapshot['source'];
  /** The commit that it started from; null when it never got so far, and there is nothing to reproduce. */
  readonly base: string | null;
  /** Where the result is on the remote, if it is there. */
  readonly branch: string | null;
  readonly commit: string | null;
  /** The result was written back into the directory that it came from. */
  readonly isApplied: boolean;
  /** False when the result is the base. */
  readonly isChanged: boolean;
  readonly setup: readonly string[];
  readonly commands: readonly string[];
}

/** Content for content: what Git LFS keeps stands in the patch as it is, and git would compare it with pointers. */
const asItIs = '-c filter.lfs.process= -c filter.lfs.clean= -c filter.lfs.smudge= -c filter.lfs.required=false';

/**
 * Lines for bash that get base and result into a new directory `work`, make it ready and run the checks again. They are run in one go,
 * in an empty directory, by somebody who may read the source.
 */
export function reproductionOf(session: Reproducible): string[] {
  const { base, commands, sessionId, setup } = session;
  if (base === null) return [];
  return [
    `holdfast export ${sessionId} -o bundle.tar && holdfast verify-bundle bundle.tar && tar -xf bundle.tar diff.patch`,
    ...filesOf(session, base),
    ...[...setup, ...commands].map((command) => `CI=true bash -c ${quoted(command)}`),
  ];
}

function filesOf({ source, branch, commit, isApplied, isChanged }: Reproducible, base: string): string[] {
  if (source.kind === 'directory') {
    // As the directory was imported, without what git ignores; and what belongs to its owner stays untouched.
    const files = `git --git-dir=work/.git --work-tree=${quoted(source.path)} add -A`;
    const since = `# the directory must be as it was ${isApplied ? 'delivered' : 'at the freeze'}`;
    const copy = `git init -q work && ${files} && cd work && git checkout-index -a ${since}`;
    return [copy, ...(isChanged && !isApplied ? ['git apply ../diff.patch'] : [])];
  }
  const clone = `git clone ${quoted(source.url)} work && cd work && git checkout ${base}`;
  const completions = [
    ...(source.submodules === true ? ['git submodule update --init --recursive'] : []),
    ...(usesLfs(source) ? ['git lfs pull'] : []),
  ];
  if (branch !== null && commit !== null) {
    return [clone, `git fetch origin ${quoted(branch)} && git checkout ${commit}`, ...completions];
  }
  const apply = usesLfs(source) ? `git ${asItIs} apply ../diff.patch` : 'git apply ../diff.patch';
  return [clone, ...completions, ...(isChanged ? [apply] : [])];
}

/** Quoted only where it must be: people read these lines. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : shellQuoted(text);
}
