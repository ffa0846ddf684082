/** Reads a text file of the repository; null when there is none or it is too large. */
export type ReadText = (path: string) => Promise<string | null>;

const MAX_TEST_FILES = 20;

/**
 * The commands by which a repository tests itself, as far as its files say so in the way of their tools: at most one for each tool.
 * They are proposals: nothing is run here, and nothing of a file's text becomes part of a command. The same files give the same
 * commands.
 * @param files paths of all tracked files.
 */
export async function discoverAcceptance(files: readonly string[], read: ReadText): Promise<string[]> {
  const has = (path: string) => files.includes(path);
  const found = [
    await npmTest(has, files, read),
    await pythonTest(has, files, read),
    has('go.mod') ? 'go test ./...' : null,
    has('Cargo.toml') ? 'cargo test' : null,
    has('deno.json') || has('deno.jsonc') ? 'deno test' : null,
    javaTest(has),
    await rubyTest(has, files, read),
    await composerTest(has, read),
    has('mix.exs') ? 'mix test' : null,
    files.some((path) => /^[^/]+\.(sln|csproj|fsproj)$/.test(path)) ? 'dotnet test' : null,
  ].filter((command) => command !== null);
  if (found.length > 0) return found;
  const made = await makeTest(has, read);
  return made === null ? [] : [made];
}

type Has = (path: string) => boolean;

/** The script `test` of package.json, by the package manager whose lock file is there; else Node's own runner, where there are tests for it. */
async function npmTest(has: Has, files: readonly string[], read: ReadText): Promise<string | null> {
  if (!has('package.json')) return null;
  const script = scriptOf(await read('package.json'), 'test');
  if (script !== null && !script.includes('no test specified')) {
    if (has('pnpm-lock.yaml')) return 'pnpm test';
    if (has('yarn.lock')) return 'yarn test';
    return has('bun.lock') || has('bun.lockb') ? 'bun run test' : 'npm test';
  }
  const tests = files.filter((path) => /(^|\/)[^/]+[.-]test\.[cm]?js$|^test\/.*\.[cm]?js$/.test(path));
  const texts = await textsOf(tests, read);
  return texts.some((text) => /['"]node:test['"]/.test(text)) ? 'node --test' : null;
}

async function pythonTest(has: Has, files: readonly string[], read: ReadText): Promise<string | null> {
  const tests = files.filter((path) => /(^|\/)(test_[^/]+|[^/]+_test)\.py$/.test(path));
  const configured =
    has('pytest.ini') ||
    files.some((path) => /(^|\/)conftest\.py$/.test(path)) ||
    /^\[tool\.pytest/m.test((has('pyproject.toml') && (await read('pyproject.toml'))) || '') ||
    /^\[(tool:)?pytest\]/m.test((has('setup.cfg') && (await read('setup.cfg'))) || '') ||
    /^\[pytest\]/m.test((has('tox.ini') && (await read('tox.ini'))) || '');
  if (configured) return 'pytest -q';
  if (tests.length === 0) return null;
  const texts = await textsOf(tests, read);
  if (texts.some((text) => /^(import pytest|from pytest\b|(async )?def test_)/m.test(text))) return 'pytest -q';
  if (!texts.some((text) => /unittest/.test(text))) return null;
  const below = tests.every((path) => path.startsWith('tests/')) && !has('tests/__init__.py');
  return `python3 -m unittest discover${below ? ' -s tests' : ''}`;
}

function javaTest(has: Has): string | null {
  if (has('pom.xml')) return has('mvnw') ? './mvnw -q test' : 'mvn -q test';
  if (has('build.gradle') || has('build.gradle.kts')) return has('gradlew') ? './gradlew test' : 'gradle test';
  return null;
}

async function rubyTest(has: Has, files: readonly string[], read: ReadText): Promise<string | null> {
  const spec = files.some((path) => /^spec\/.*_spec\.rb$/.test(path));
  if (spec) return has('Gemfile') ? 'bundle exec rspec' : 'rspec';
  return has('Rakefile') && /TestTask|\btask\s+:?test\b/.test((await read('Rakefile')) ?? '') ? 'rake test' : null;
}

async function composerTest(has: Has, read: ReadText): Promise<string | null> {
  return has('composer.json') && scriptOf(await read('composer.json'), 'test') !== null ? 'composer test' : null;
}

/** A target `test` or `check`; only where no tool of a language is known, for such a target mostly calls that. */
async function makeTest(has: Has, read: ReadText): Promise<string | null> {
  for (const name of ['GNUmakefile', 'makefile', 'Makefile'].filter(has)) {
    const text = (await read(name)) ?? '';
    const target = ['test', 'check'].find((word) => new RegExp(`^${word}\\s*:(?!=)`, 'm').test(text));
    if (target !== undefined) return `make ${target}`;
  }
  return null;
}

async function textsOf(paths: readonly string[], read: ReadText): Promise<string[]> {
  const texts = await Promise.all(paths.slice(0, MAX_TEST_FILES).map((path) => read(path)));
  return texts.filter((text) => text !== null);
}

/** A script of a package.json or composer.json; a list of commands counts as one. */
function scriptOf(manifest: string | null, name: string): string | null {
  try {
    const { scripts } = Object(JSON.parse(manifest ?? 'null')) as { scripts?: Record<string, unknown> };
    const script = scripts !== undefined && Object.hasOwn(Object(scripts), name) ? scripts[name] : undefined;
    return script === undefined ? null : [script].flat().map(String).join(' ');
  } catch {
    return null; // No JSON: then nothing is proposed.
  }
}
