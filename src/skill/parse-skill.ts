import { LineCounter, parseDocument, type Document } from 'yaml';
import { HoldfastError } from '../domain/failure.ts';
import { checkSkill, type Skill, type SkillFault } from '../domain/skill.ts';

const MAX_CHARS = 256 * 1024;

/**
 * Reads a skill: Markdown under YAML frontmatter between two lines of `---`. This is the only place that knows YAML;
 * what a skill may say is decided in `domain/skill.ts`. Nothing in it is executed.
 * @throws HoldfastError INVALID_SKILL with all faults at once in `details.faults`: `{line?, path, message}`.
 */
export function parseSkill(text: string): Skill {
  if (text.length > MAX_CHARS) throw invalid([{ path: '', message: `longer than ${MAX_CHARS} characters` }]);
  const normal = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  const parts = /^---[ \t]*\n([\s\S]*?\n)?---[ \t]*(?:\n|$)/.exec(normal);
  if (parts === null) {
    throw invalid([{ line: 1, path: '', message: 'must begin with a line ---, YAML, and a line ---' }]);
  }
  const yaml = parts[1] ?? '';
  const body = normal.slice(parts[0].length);
  const lines = new LineCounter();
  const document = parseDocument(yaml, { lineCounter: lines, uniqueKeys: true, version: '1.2' });
  const lineAt = (offset: number) => lines.linePos(offset).line + 1; // The first line is the `---` above.
  const bodyLine = parts[0].split('\n').length - 1;
  const syntax = [...document.errors, ...document.warnings];
  if (syntax.length > 0) {
    throw invalid(
      syntax.map(({ message, pos }) => ({ line: lineAt(pos[0]), path: '', message: message.split('\n')[0] ?? '' })),
    );
  }
  const checked = checkSkill(valueOf(document), body);
  if ('skill' in checked) return checked.skill;
  const faults = checked.faults.map((fault) => placed(fault, document, lineAt, bodyLine));
  throw invalid(faults.toSorted((one, two) => (one.line ?? 0) - (two.line ?? 0)));
}

/** The document's value; an alias that would expand without bounds is a fault like any other. */
function valueOf(document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: 20 }) as unknown;
  } catch (error) {
    throw invalid([{ path: '', message: error instanceof Error ? error.message : String(error) }]);
  }
}

function placed(
  fault: SkillFault,
  document: Document,
  lineAt: (offset: number) => number,
  bodyLine: number,
): SkillFault {
  if (fault.path === 'body') return { ...fault, line: bodyLine + (fault.line ?? 1) };
  // The deepest part of the path that stands in the text: of a missing key only its parent does.
  for (let path = fault.path.split('.'); path.length > 0; path = path.slice(0, -1)) {
    const node = document.getIn(
      path.map((key) => (/^\d+$/.test(key) ? Number(key) : key)),
      true,
    );
    const range = Object(node)['range'] as [number, number, number] | undefined;
    if (range) return { ...fault, line: lineAt(range[0]) };
  }
  return fault;
}

function invalid(faults: readonly SkillFault[]): HoldfastError {
  const lines = faults.map(({ line, path, message }) =>
    [line && `line ${line}`, path, message].filter(Boolean).join(': '),
  );
  return new HoldfastError('INVALID_SKILL', `The skill is faulty:\n  ${lines.join('\n  ')}`, { details: { faults } });
}
