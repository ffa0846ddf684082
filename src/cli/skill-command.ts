import { readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { HoldfastError } from '../domain/failure.ts';
import type { Skill, SkillFault } from '../domain/skill.ts';
import { parseSkill } from '../skill/parse-skill.ts';
import type { Command, CommandContext } from './command.ts';
import { exitCodes } from './exit-codes.ts';
import { UsageError } from './usage-error.ts';

/** `holdfast skill check`: needs no server. */
export const skillCommand: Command = {
  usage: 'skill check <file or directory>…',
  summary: 'Check skills without a server: every fault with its line',
  details: `A skill is Markdown under YAML frontmatter, or a directory with a SKILL.md (the Agent Skills format, which pi uses too). Faults go to
stderr as file:line: key: message; exit code 1 when there are any.`,
  options: {},
  run: async ([what, ...paths], _values, context) => {
    if (what !== 'check' || paths.length === 0)
      throw new UsageError('Usage: holdfast skill check <file or directory>…');
    const checked = paths.map((path) => check(path, context));
    return checked.every(Boolean) ? exitCodes.complete : exitCodes.failed;
  },
};

function check(path: string, { print, tell }: CommandContext): boolean {
  const file = fileOf(path);
  try {
    const skill = parseSkill(readFileSync(file, 'utf8'));
    const misnamed = misnamedFault(file, skill);
    if (misnamed !== null) return report(file, [misnamed], tell);
    const { body: _body, ...declared } = skill;
    print({ file, ...declared });
    return true;
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return report(file, (error.details?.['faults'] ?? []) as readonly SkillFault[], tell);
  }
}

function report(file: string, faults: readonly SkillFault[], tell: (line: string) => void): false {
  for (const { line, path, message } of faults)
    tell([`${file}:${line ?? 1}`, path, message].filter(Boolean).join(': '));
  return false;
}

function fileOf(path: string): string {
  try {
    return statSync(path).isDirectory() ? fileOf(join(path, 'SKILL.md')) : path;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** The Agent Skills format wants the directory to have the skill's name (agentskills.io/specification). */
function misnamedFault(file: string, { name }: Skill): SkillFault | null {
  const directory = basename(dirname(resolve(file)));
  if (basename(file) !== 'SKILL.md' || directory === name) return null;
  return { path: 'name', message: `is ${name}, but the directory is called ${directory}` };
}
