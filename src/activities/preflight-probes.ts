import type { Finding } from '../domain/assessment.ts';
import { contentFindings } from '../domain/base-size.ts';
import type { Contract } from '../domain/contract.ts';
import { isGranted } from '../domain/egress.ts';
import { HoldfastError } from '../domain/failure.ts';
import { digestOf } from '../digest/canonical-json.ts';
import { probeCommands, type CommandPlaces } from './command-probe.ts';
import type { BundledFile } from './skill-loader.ts';

/** What the probes look at. */
export interface Probed extends CommandPlaces {
  /** The tools that the agent will have. */
  readonly whitelist: readonly string[];
  /** Host rules that are granted: by the request, by persons, and by a skill that does not come from the repository. */
  readonly grants: readonly string[];
  /** Files that come with the skill. */
  readonly bundled: readonly BundledFile[];
  /** Tries whether the delivery's push would be taken; throws when not. */
  readonly probePush: () => Promise<void>;
}

/** Looks at everything a contract demands that can be looked at. No model is asked, and the same repository gives the same findings. */
export async function probe(contract: Contract, probed: Probed): Promise<Finding[]> {
  const names = (kind: Finding['kind']) => contract.items.filter((item) => item.kind === kind).map(({ name }) => name);
  const found = await Promise.all([
    Promise.all(names('file').map((glob) => probeFile(glob, probed))),
    probeScripts(names('script'), probed),
    probeCommands(names('command'), probed),
    Promise.all(names('remote').map((name) => probeRemote(name, probed))),
  ]);
  const tools = names('tool').map((name) => probeTool(name, probed));
  const hosts = names('host').map((rule) => probeHost(rule, probed));
  const contents = contract.size === undefined ? [] : contentFindings(contract.size);
  return [...tools, ...hosts, ...contents, ...found.flat()];
}

/** What lies in a repository cannot open the network by itself: whoever asked for the task must have named the host, too. */
function probeHost(rule: string, { grants }: Probed): Finding {
  const confirmed = isGranted(grants, rule);
  const evidence = confirmed
    ? 'named by whoever asked for the task'
    : 'a skill of the repository names it, but "egress" of the request or of an edit does not';
  return { kind: 'host', name: rule, confirmed, evidence };
}

function probeTool(name: string, { whitelist }: Probed): Finding {
  const confirmed = whitelist.includes(name);
  const evidence = confirmed ? 'in the whitelist' : `not in the whitelist: ${whitelist.join(', ')}`;
  return { kind: 'tool', name, confirmed, evidence };
}

async function probeFile(glob: string, { git, tree }: Probed): Promise<Finding> {
  const matches = (await git.findFiles(tree, { globs: [glob] })).map(({ path }) => path);
  const evidence =
    matches.length === 0 ? 'no tracked file matches' : `${matches.length} tracked: ${matches.slice(0, 3).join(', ')}`;
  return { kind: 'file', name: glob, confirmed: matches.length > 0, evidence };
}

async function probeScripts(paths: readonly string[], { bundled, git, tree }: Probed): Promise<Finding[]> {
  const tracked = await git.findFiles(tree, { paths });
  // What a link leads to is not in its content: nothing could be frozen by it.
  const hashed = await git.hashFiles(tracked.filter(({ kind, path }) => kind !== 'link' && paths.includes(path)));
  return paths.map((path): Finding => {
    const own = bundled.find((file) => file.path === path);
    if (own !== undefined) {
      return { kind: 'script', name: path, confirmed: true, evidence: `${digestOf(own.text)}, comes with the skill` };
    }
    const sha256 = hashed.find((file) => file.path === path)?.sha256;
    if (sha256 !== undefined) return { kind: 'script', name: path, confirmed: true, evidence: `sha256:${sha256}` };
    const isLink = tracked.some((file) => file.path === path);
    const evidence = isLink ? 'it is a symbolic link, which cannot be frozen' : 'no tracked file has this path';
    return { kind: 'script', name: path, confirmed: false, evidence };
  });
}

async function probeRemote(name: string, { probePush }: Probed): Promise<Finding> {
  try {
    await probePush();
    return { kind: 'remote', name, confirmed: true, evidence: 'it can be reached, and a dry-run push is allowed' };
  } catch (error) {
    if (error instanceof HoldfastError) return { kind: 'remote', name, confirmed: false, evidence: error.message };
    throw error;
  }
}
