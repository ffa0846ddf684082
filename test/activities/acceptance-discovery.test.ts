import fc from 'fast-check';
import { expect, test } from 'vitest';
import { discoverAcceptance } from '../../src/activities/acceptance-discovery.ts';

const discover = (files: Readonly<Record<string, string>>) =>
  discoverAcceptance(Object.keys(files), async (path) => (Object.hasOwn(files, path) ? (files[path] ?? null) : null));
const script = (test: unknown) => JSON.stringify({ scripts: { test } });

test.each([
  [{ 'package.json': script('vitest run') }, ['npm test']],
  [{ 'package.json': script('vitest run'), 'pnpm-lock.yaml': '' }, ['pnpm test']],
  [{ 'package.json': script('jest'), 'yarn.lock': '' }, ['yarn test']],
  [{ 'package.json': script('bun test'), 'bun.lock': '' }, ['bun run test']],
  [{ 'package.json': script('echo "Error: no test specified" && exit 1') }, []],
  [{ 'package.json': '{}', 'test/a.js': "import test from 'node:test';" }, ['node --test']],
  [{ 'package.json': '{}', 'test/a.js': 'console.log(1);' }, []],
  [{ 'package.json': 'no JSON' }, []],
  [{ 'package.json': '[]' }, []],
  [{ 'pytest.ini': '' }, ['pytest -q']],
  [{ 'pyproject.toml': '[tool.pytest.ini_options]\n' }, ['pytest -q']],
  [{ 'test_a.py': 'def test_a():\n    pass\n' }, ['pytest -q']],
  [{ 'test_a.py': 'import unittest\n' }, ['python3 -m unittest discover']],
  [{ 'tests/test_a.py': 'import unittest\n' }, ['python3 -m unittest discover -s tests']],
  [{ 'tests/test_a.py': 'import unittest\n', 'tests/__init__.py': '' }, ['python3 -m unittest discover']],
  [{ 'setup.py': '', 'a.py': '' }, []],
  [{ 'go.mod': 'module a' }, ['go test ./...']],
  [{ 'Cargo.toml': '' }, ['cargo test']],
  [{ 'pom.xml': '' }, ['mvn -q test']],
  [{ 'build.gradle.kts': '', gradlew: '' }, ['./gradlew test']],
  [{ Gemfile: '', 'spec/a_spec.rb': '' }, ['bundle exec rspec']],
  [{ Rakefile: 'Rake::TestTask.new' }, ['rake test']],
  [{ 'composer.json': script(['phpunit']) }, ['composer test']],
  [{ Makefile: 'all:\n\ntest: all\n\t./run\n' }, ['make test']],
  [{ Makefile: 'test := 1\ncheck:\n' }, ['make check']],
  [{ Makefile: 'test:\n', 'go.mod': '' }, ['go test ./...']],
  [{ 'package.json': script('jest'), 'go.mod': '' }, ['npm test', 'go test ./...']],
  [{ 'README.md': 'Run `npm test`.' }, []],
] as const)('%j suggests %j', async (files, commands) => {
  expect(await discover(files as Readonly<Record<string, string>>)).toEqual(commands);
});

test('no text of a file becomes part of a command', async () => {
  const names = fc.constantFrom(
    'package.json',
    'Makefile',
    'pyproject.toml',
    'test_a.py',
    'composer.json',
    'Rakefile',
    'go.mod',
  );
  const text = fc.oneof(
    fc.string(),
    fc.string().map(script),
    fc.string().map((name) => `test: ${name}\n${name}:\n`),
  );
  await fc.assert(
    fc.asyncProperty(fc.dictionary(names, text), async (files) => {
      for (const command of await discover(files)) {
        expect(command).toMatch(
          /^(npm test|node --test|pytest -q|python3 -m unittest discover|composer test|rake test|go test \.\/\.\.\.|make (test|check))$/,
        );
      }
    }),
  );
});
