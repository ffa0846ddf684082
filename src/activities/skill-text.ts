import { renderSkill } from '../domain/skill.ts';
import type { LoadedSkill } from './skill-loader.ts';

/**
 * The skill as the agent reads it: its variables filled in, and after it what its text refers to and the agent could not find
 * otherwise. All of it is frozen with the snapshot.
 * @throws HoldfastError PREFLIGHT_INCOMPLETE when inputs are missing.
 */
export function skillTextOf(loaded: LoadedSkill | null, inputs: Readonly<Record<string, string>>): string {
  if (loaded === null) return '';
  const { bundled, directory, skill } = loaded;
  const where = directory === null ? [] : [`The files that this skill names lie below ${directory}/ in the work tree.`];
  const files = bundled.map(
    ({ path, text }) =>
      `The skill's file ${path.slice(path.indexOf(':') + 1)} (not in the work tree; write it where you need it):\n${text}`,
  );
  return [renderSkill(skill, inputs), ...where, ...files].join('\n\n');
}
