import { expect, test } from 'vitest';
import { altersJudge, testingPartsOf } from '../../src/domain/judges.ts';

const commands = [
  'npm test',
  './check.sh --all',
  'bash -e tools/verify.sh; grep -q done notes.txt',
  'node "run.js" | tail',
];

test.each([
  ['modified', 'test/a.js'],
  ['deleted', 'src/parser.test.ts'],
  ['modified', 'pkg/add_test.go'],
  ['modified', 'tests/test_add.py'],
  ['deleted', 'src/test/java/AddTest.java'],
  ['created', 'conftest.py'],
  ['created', 'vitest.config.ts'],
  ['modified', 'Makefile'],
  ['modified', 'check.sh'],
  ['created', 'tools/verify.sh'],
  ['modified', 'run.js'],
  ['modified', 'frozen.sh'],
] as const)('%s %s alters what judges the work', (status, path) => {
  expect(altersJudge({ status, path }, commands, ['frozen.sh'])).toBe(true);
});

test.each([
  ['created', 'test/b.test.js'],
  ['modified', 'src/parser.ts'],
  ['modified', 'src/latest.ts'],
  ['modified', 'notes.txt'],
  ['created', 'heck.sh'],
  ['modified', 'verify.sh'],
] as const)('%s %s does not', (status, path) => {
  expect(altersJudge({ status, path }, commands, ['frozen.sh'])).toBe(false);
});

test('of a manifest only the parts count that tell how tests are run', () => {
  const json = (more: object) =>
    testingPartsOf('a/package.json', JSON.stringify({ scripts: { test: 'vitest' }, ...more }));
  expect(json({ dependencies: { a: '1' } })).toBe(json({ dependencies: { b: '2' }, version: '2' }));
  expect(json({})).not.toBe(json({ scripts: { test: 'true' } }));
  expect(json({})).not.toBe(json({ jest: { testMatch: [] } }));
  const toml = (dependencies: string, options: string) =>
    testingPartsOf(
      'pyproject.toml',
      `[project]\ndependencies = ${dependencies}\n\n[tool.pytest.ini_options]\naddopts = "${options}"\n`,
    );
  expect(toml('[]', '-q')).toBe(toml('["a"]', '-q'));
  expect(toml('[]', '-q')).not.toBe(toml('[]', '-k nothing'));
  expect(testingPartsOf('package.json', null)).toBe('');
  expect(testingPartsOf('package.json', '{')).toBe('{');
});
