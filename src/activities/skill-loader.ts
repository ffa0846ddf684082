import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { canonicalJson, digestOf } from '../digest/canonical-json.ts';
import { HoldfastError } from '../domain/failure.ts';
import type { Skill } from '../domain/skill.ts';
import type { SkillSource } from '../domain/task.ts';
import type { SessionGit } from '../git/session-git.ts';
import { parseSkill } from '../skill/parse-skill.ts';

const MAX_BYTES = 256 * 1024;
const MAX_BUNDLED_BYTES = 64 * 1024;
const NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;
/** How a file that comes with a skill of the server is named, lest it be taken for one of the repository. */
const BUNDLED = 'skill:';

/** A file that comes with a skill of the server's folder; the repository does not have it. */
export interface BundledFile {
  /** `skill:` and the path in the skill's own directory. */
  readonly path: string;
  readonly text: string;
}

/** A skill as a task uses it. */
export interface LoadedSkill {
  /** `requiredScripts` are resolved: paths in the repository, or of {@link BundledFile}s; those its text names are among them. */
  readonly skill: Skill;
  /** Digest of everything the skill says: its text as it was read, and the files that come with it. */
  readonly digest: string;
  readonly bundled: readonly BundledFile[];
  /** The directory in the repository that the skill's text is relative to; null when there is none. */
  readonly directory: string | null;
}

/** Where skills are looked for. */
export interface SkillPlaces {
  readonly git: SessionGit;
  /** The tree the session starts from. */
  readonly tree: string;
  /** The server's folder. */
  readonly skillsDir: string;
}

/** What was found under a skill's name. */
interface Found {
  readonly text: string;
  readonly directory: string | null;
  /** The other files of the skill's directory, relative to it. */
  readonly siblings: readonly string[];
  readonly read: (sibling: string) => Promise<BundledFile | null>;
}

/**
 * Reads the skill of a task: given inline, by path in the repository (a Markdown file, or the directory of a `SKILL.md`), or by name
 * from the server's folder. Of a directory the files that the text names come with it.
 * @throws HoldfastError INVALID_SKILL when it is not there or faulty.
 */
export async function loadSkill(source: SkillSource | null, places: SkillPlaces): Promise<LoadedSkill | null> {
  if (source === null) return null;
  const found = await find(source, places);
  if (found === null) {
    const place =
      source.kind === 'path' ? `in the repository at ${source.path}` : `on the server by the name ${nameOf(source)}`;
    throw new HoldfastError('INVALID_SKILL', `There is no skill ${place}.`);
  }
  const skill = parseSkill(found.text);
  const named = found.siblings.filter((path) => skill.body.includes(path) || skill.requiredScripts.includes(path));
  const bundled: BundledFile[] = [];
  const resolved = new Map<string, string>();
  for (const path of named) {
    if (skill.requiredScripts.includes(path) && (await isTracked(path, places))) continue; // The repository's own comes first.
    const file = await found.read(path);
    if (file !== null) bundled.push(file);
    resolved.set(path, file?.path ?? posix.join(found.directory ?? '', path));
  }
  const declared = skill.requiredScripts.map((path) => resolved.get(path) ?? path);
  return {
    skill: { ...skill, requiredScripts: [...new Set([...declared, ...resolved.values()])] },
    digest: digestOf(canonicalJson({ text: found.text, bundled })),
    bundled,
    directory: resolved.size > 0 ? found.directory : null,
  };
}

async function find(source: SkillSource, places: SkillPlaces): Promise<Found | null> {
  if (source.kind === 'inline') return { text: source.text, directory: null, siblings: [], read: async () => null };
  return source.kind === 'path' ? findInRepository(source.path, places) : findOnServer(source.name, places.skillsDir);
}

async function findInRepository(path: string, { git, tree }: SkillPlaces): Promise<Found | null> {
  for (const candidate of [path, posix.join(path, 'SKILL.md')]) {
    const content = await git.readFile(tree, candidate, MAX_BYTES);
    if (content === null) continue;
    const directory = posix.dirname(candidate);
    const isBundle = posix.basename(candidate) === 'SKILL.md' && directory !== '.';
    const files = isBundle ? await git.findFiles(tree, { paths: [directory] }) : [];
    const siblings = files
      .filter(({ kind, path: file }) => kind !== 'link' && file !== candidate)
      .map(({ path: file }) => file.slice(directory.length + 1));
    return { text: content.toString('utf8'), directory, siblings, read: async () => null };
  }
  return null;
}

async function findOnServer(name: string, skillsDir: string): Promise<Found | null> {
  if (!NAME.test(name)) return null;
  for (const file of [join(skillsDir, name, 'SKILL.md'), join(skillsDir, `${name}.md`)]) {
    const text = await readFile(file, 'utf8').catch(() => null);
    if (text === null) continue;
    const directory = dirname(file);
    const siblings = directory === skillsDir ? [] : await filesBelow(directory);
    return { text, directory: null, siblings, read: (sibling) => readBundled(directory, sibling) };
  }
  return null;
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name !== 'SKILL.md')
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .toSorted();
}

async function readBundled(directory: string, path: string): Promise<BundledFile> {
  const bytes = await readFile(join(directory, path));
  const text = bytes.toString('utf8');
  if (bytes.length > MAX_BUNDLED_BYTES || !bytes.equals(Buffer.from(text))) {
    const message = `The skill's file ${path} must be text of at most ${MAX_BUNDLED_BYTES} bytes.`;
    throw new HoldfastError('INVALID_SKILL', message, { details: { faults: [{ path, message }] } });
  }
  return { path: `${BUNDLED}${path}`, text };
}

async function isTracked(path: string, { git, tree }: SkillPlaces): Promise<boolean> {
  return (await git.findFiles(tree, { paths: [path] })).some((file) => file.path === path);
}

function nameOf(source: SkillSource): string {
  return source.kind === 'name' ? source.name : source.kind;
}
