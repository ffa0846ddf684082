import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '../domain/failure.ts';
import type { Skill } from '../domain/skill.ts';
import type { SkillSource } from '../domain/task.ts';
import type { SessionGit } from '../git/session-git.ts';
import { parseSkill } from '../skill/parse-skill.ts';

const MAX_BYTES = 256 * 1024;

/**
 * Reads the skill of a task: given inline, by path in the repository (`SKILL.md` of a directory), or by name from the server's folder.
 * @throws HoldfastError INVALID_SKILL when it is not there or faulty.
 */
export async function loadSkill(
  source: SkillSource | null,
  git: SessionGit,
  tree: string,
  skillsDir: string,
): Promise<Skill | null> {
  if (source === null) return null;
  if (source.kind === 'inline') return parseSkill(source.text);
  const text =
    source.kind === 'path' ? await fromRepository(source.path, git, tree) : await fromServer(source.name, skillsDir);
  if (text === null) {
    const place =
      source.kind === 'path' ? `in the repository at ${source.path}` : `on the server by the name ${source.name}`;
    throw new HoldfastError('INVALID_SKILL', `There is no skill ${place}.`);
  }
  return parseSkill(text);
}

async function fromRepository(path: string, git: SessionGit, tree: string): Promise<string | null> {
  for (const candidate of [path, join(path, 'SKILL.md')]) {
    const content = await git.readFile(tree, candidate, MAX_BYTES);
    if (content !== null) return content.toString('utf8');
  }
  return null;
}

async function fromServer(name: string, skillsDir: string): Promise<string | null> {
  if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(name)) return null;
  for (const candidate of [join(skillsDir, name, 'SKILL.md'), join(skillsDir, `${name}.md`)]) {
    const text = await readFile(candidate, 'utf8').catch(() => null);
    if (text !== null) return text;
  }
  return null;
}
