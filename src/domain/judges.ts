const tests = [
  /(^|\/)(tests?|__tests__|specs?|e2e)\//,
  /[._-](test|spec)\.[^/]+$/,
  /(^|\/)test_[^/]+\.py$/,
  /(Test|Tests|Spec|IT)\.(java|kt|scala|groovy|cs|php)$/,
];

/** What tells test runners what to run, and how. */
const configuration = [
  /(^|\/)(conftest\.py|pytest\.ini|\.rspec|phpunit\.xml(\.dist)?|\.mocharc(\.\w+)?|Rakefile|noxfile\.py)$/,
  /(^|\/)(jest|vitest|karma|playwright|ava|cypress|mocha)\.conf(ig)?\.\w+$/,
  /(^|\/)(GNUm|m|M)akefile$/,
];

/** Files of which only some parts tell how tests are run. */
export const manifests = /(^|\/)(package\.json|composer\.json|pyproject\.toml|setup\.cfg|tox\.ini)$/;

/** A file that was there or came, besides what it is called. */
export interface Changed {
  readonly status: 'created' | 'modified' | 'deleted';
  readonly path: string;
}

/**
 * True for a change of what the work is judged by: a test that was there, what configures the tests, a frozen script, or a file that a
 * command starts. A new test is none.
 */
export function altersJudge(
  { status, path }: Changed,
  commands: readonly string[],
  scripts: readonly string[],
): boolean {
  if (status !== 'created' && tests.some((pattern) => pattern.test(path))) return true;
  return configuration.some((pattern) => pattern.test(path)) || scripts.includes(path) || isStarted(path, commands);
}

/** True when a command starts the file: as a program, or by an interpreter. A file that it only looks at is the work itself. */
function isStarted(path: string, commands: readonly string[]): boolean {
  const before = /(^|[;&|(]|\b(bash|sh|node|python3?|ruby|perl|php|tsx|source)(\s+-\S+)*|\s\.)\s*['"]?(\.\/)*$/;
  return commands.some((command) => {
    const places = command.split(path);
    return places.slice(0, -1).some((_, index) => {
      const ends = /^(['"]?[\s;&|)]|['"]?$)/.test(places.slice(index + 1).join(path));
      return ends && before.test(places.slice(0, index + 1).join(path));
    });
  });
}

/** The parts of a manifest that tell how its tests are run, as one text that is the same as long as they are. */
export function testingPartsOf(path: string, text: string | null): string {
  if (text === null) return '';
  if (path.endsWith('.json')) return partsOfJson(text);
  const sections = text.split(/^(?=\[)/m);
  return sections
    .filter((section) => /^\[+(tool[.:])?(pytest|tox|testenv|unittest|coverage|nox)/.test(section))
    .join('');
}

function partsOfJson(text: string): string {
  try {
    const manifest = Object(JSON.parse(text)) as Record<string, unknown>;
    return JSON.stringify(['type', 'scripts', 'jest', 'mocha', 'ava', 'vitest'].map((name) => manifest[name] ?? null));
  } catch {
    return text;
  }
}
