import { altersJudge, manifests, testingPartsOf } from '../domain/judges.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { SessionGit } from '../git/session-git.ts';

const MAX_NAMED = 50;
const MAX_MANIFEST_BYTES = 2 ** 20;

/** Paths of what judges a result and was altered by it, in order: what is green by them may be so because of that. */
export async function alteredJudges(
  git: SessionGit,
  { acceptance, base, scripts }: Pick<Snapshot, 'acceptance' | 'base' | 'scripts'>,
  tree: string,
): Promise<string[]> {
  const frozen = scripts.map(({ path }) => path);
  const parts = async (path: string, of: string) =>
    testingPartsOf(path, (await git.readFile(of, path, MAX_MANIFEST_BYTES))?.toString('utf8') ?? null);
  const altered: string[] = [];
  for (const change of await git.changes(base.tree, tree)) {
    const { path } = change;
    const differs = async () => (await parts(path, base.tree)) !== (await parts(path, tree));
    if (altersJudge(change, acceptance, frozen) || (manifests.test(path) && (await differs()))) altered.push(path);
    if (altered.length === MAX_NAMED) break;
  }
  return altered;
}
