/** A program that a shell command starts. */
export interface StartedProgram {
  readonly name: string;
  /** False where an earlier part of the command may have made it, or changed to where it lies. */
  readonly mustBeThere: boolean;
}

const token = /\n|&&|\|\||\|&|[;|&(){}]|(?:\\.|'[^']*'|"(?:\\.|[^"\\])*"|[^\s;|&(){}'"\\])+/g;
/** After these one command follows the other. */
const sequence = new Set(['&&', '||', ';', '&', '\n']);
/** After these a command stands as well. */
const openers = new Set(['|', '|&', '(', '{', '!', 'then', 'do', 'else', 'elif', 'if', 'while', 'until', 'time']);
/** Words of the grammar that are followed by no command. */
const grammar = new Set([')', '}', 'fi', 'done', 'esac', 'for', 'case', 'select', 'in', 'function', 'coproc']);
/** They make no program. */
const harmless = new Set([
  'cd',
  'pushd',
  'popd',
  'test',
  '[',
  '[[',
  'set',
  'export',
  'unset',
  'true',
  ':',
  'echo',
  'umask',
  'ulimit',
]);

/**
 * The programs of a shell command, in order: the first word of each simple command that is no assignment. What only the running
 * shell knows (`$CC`, a substitution) is left out: no probe can tell.
 */
export function programsOf(command: string): StartedProgram[] {
  const programs: StartedProgram[] = [];
  let expected = true;
  let worked = false;
  let moved = false;
  for (const [word] of command.matchAll(token)) {
    if (sequence.has(word)) worked = programs.some(({ name }) => !harmless.has(name));
    if (sequence.has(word) || openers.has(word)) expected = true;
    else if (expected && !/^[A-Za-z_]\w*\+?=/.test(word)) {
      expected = false;
      const name = word.replace(/^(['"])(.*)\1$/s, '$2');
      if (grammar.has(name) || /[$`<>]/.test(name)) continue;
      programs.push({ name, mustBeThere: !worked && !(moved && name.includes('/')) });
      moved ||= name === 'cd' || name === 'pushd';
    }
  }
  return programs;
}
