import { HoldfastError } from '../domain/failure.ts';
import { plumb } from './plumbing.ts';
import { isGitlink, treeEntries, type TreeEntry } from './tree-entries.ts';

const MAX_BYTES = 2 ** 20;

/** A submodule as a tree and its .gitmodules name it; nothing of it has been looked at elsewhere. */
export interface NamedModule {
  /** Relative to the root of the tree. */
  readonly path: string;
  readonly commit: string;
  /** As it is written; null where .gitmodules names none. */
  readonly url: string | null;
  /** False where `update = none` says that nobody needs it unless asked for by name. */
  readonly isWanted: boolean;
}

/**
 * The submodules of a tree: its links to commits, in the order of their paths, with what .gitmodules says of them. Entries for which there
 * is no link are nothing, as for git itself.
 * @throws HoldfastError SUBMODULE_REFUSED for what git itself would refuse to check out, or what it would run
 */
export async function modulesOf(gitDir: string, tree: string): Promise<NamedModule[]> {
  const entries = await treeEntries(gitDir, tree);
  const links = entries.filter(isGitlink);
  if (links.length === 0) return [];
  const named = await sectionsOf(
    gitDir,
    entries.find(({ path }) => path === '.gitmodules'),
  );
  return links.map(({ path, object: commit }) => {
    const section = named.find((one) => one.path === path);
    return { path, commit, url: section?.url ?? null, isWanted: section?.update !== 'none' };
  });
}

interface Section {
  readonly path?: string;
  readonly url?: string;
  readonly update?: string;
}

/** Git reads the file, for nobody else reads it exactly so; it follows no includes of a blob (git-config(1), `--blob`). */
async function sectionsOf(gitDir: string, file: TreeEntry | undefined): Promise<Section[]> {
  if (file === undefined) return [];
  if (!file.mode.startsWith('100')) throw refused('.gitmodules', 'it is no file');
  if (file.bytes > MAX_BYTES) throw refused('.gitmodules', `it is larger than ${MAX_BYTES} bytes`);
  const output = await plumb(gitDir, ['config', '--no-includes', '--blob', file.object, '-z', '--list']).catch(
    (cause: unknown) => {
      throw refused('.gitmodules', 'git cannot read it', cause);
    },
  );
  const sections = new Map<string, Record<string, string>>();
  for (const item of output.toString('utf8').split('\0')) {
    const end = item.indexOf('\n'); // A key without a value has none.
    const [, name, key = ''] = /^submodule\.(.*)\.([^.]+)$/s.exec(end < 0 ? item : item.slice(0, end)) ?? [];
    if (name === undefined) continue;
    const value = end < 0 ? '' : item.slice(end + 1);
    const section = sections.get(name) ?? {};
    sections.set(name, section);
    section[key] ??= value; // Of two values git takes the first.
  }
  for (const [name, section] of sections) assertHarmless(name, section);
  return [...sections.values()];
}

/** What git has been attacked by (CVE-2018-11235, CVE-2018-17456, CVE-2019-19604) and is refused whatever it would lead to here. */
function assertHarmless(name: string, { path = '', url = '', update = '' }: Section): void {
  const shown = JSON.stringify(name);
  const partsOf = (text: string) => text.split(/[/\\]/);
  if (name === '' || partsOf(name).includes('..')) throw refused(shown, 'its name leads elsewhere');
  if (path.startsWith('-')) throw refused(shown, 'its path is an option');
  const isInside = !path.startsWith('/') && partsOf(path).every((part) => part !== '..' && !/^\.git$/i.test(part));
  if (!isInside) throw refused(shown, 'its path leads elsewhere');
  if (url.startsWith('-')) throw refused(shown, 'its URL is an option');
  if (update.startsWith('!')) throw refused(shown, 'its update is a command');
}

function refused(what: string, why: string, cause?: unknown): HoldfastError {
  return new HoldfastError('SUBMODULE_REFUSED', `The submodule ${what} is refused: ${why}.`, { cause });
}
