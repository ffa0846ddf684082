import { expect, test } from 'vitest';
import { verifierSetting } from './verifier-setting.ts';

const sound = {
  'a.js': 'import fs from "node:fs";\nexport const a = fs;\n',
  'a.cjs': 'return require("node:fs");\n',
  'a.json': '{"a": [1, 2]}\n',
  'a.py': 'def f(a: int) -> int:\n    return a\n',
  'a.sh': '#!/bin/bash\nif true; then echo yes; fi\n',
  'a.toml': 'a = 1\n',
  'a.go': 'package a\n\nfunc F() int { return 1 }\n',
};
const faulty = {
  'a.js': 'import fs from "node:fs";\nconst a = ;',
  'a.cjs': 'const a = ;',
  'a.json': '{"a": [1, 2}',
  'a.py': 'def f(:',
  'a.sh': 'if true; then echo',
  'a.toml': 'a = [',
  'a.go': 'package a; func {',
};
const write = (files: Readonly<Record<string, string>>) =>
  Object.entries(files)
    .map(([path, text]) => `cat > '${path}' <<'END'\n${text}\nEND`)
    .join('\n');
const signal = new AbortController().signal;

async function checked(files: Readonly<Record<string, string>>, command: string) {
  const { after, syntax, snapshot } = await verifierSetting(files);
  const checks = await syntax.check(
    { sessionId: snapshot.sessionId, base: snapshot.base.tree, tree: await after(command) },
    signal,
  );
  return new Map(checks.map((check) => [check.tool, check]));
}

test('a change that breaks the syntax of a file is a regression that names it, in each language', async () => {
  const checks = await checked(sound, write(faulty));
  for (const [path, tool] of [
    ['a.js', 'node --check'],
    ['a.cjs', 'node --check'],
    ['a.json', 'node (JSON)'],
    ['a.py', 'python3'],
    ['a.sh', 'bash -n'],
    ['a.toml', 'python3 (TOML)'],
  ] as const) {
    expect(checks.get(tool)?.verdict).toBe('regressed');
    expect(checks.get(tool)?.faults).toContainEqual({ path, message: expect.stringMatching(/./) });
  }
  expect(checks.get('gofmt -e')?.verdict).toMatch(/^(regressed|not_run)$/); // Where Go is not at hand it is said so.
});

test('a change of files that stay sound is passing, and new files count as well', async () => {
  const changed = Object.fromEntries(Object.entries(sound).map(([path, text]) => [`new/${path}`, text]));
  const checks = await checked(sound, `mkdir new\n${write(changed)}\necho '# more' >> a.py`);
  expect([...checks.values()].filter(({ tool }) => tool !== 'gofmt -e').map(({ verdict }) => verdict)).toEqual(
    Array(5).fill('passing'),
  );
  expect(checks.get('python3')?.files).toBe(2);
});

test('what was faulty before is told from what a change broke', async () => {
  const checks = await checked({ 'a.py': 'def f(:\n' }, 'echo "# more" >> a.py');
  expect(checks.get('python3')).toMatchObject({ verdict: 'still_failing', faults: [{ path: 'a.py' }] });
});

test('what the tools cannot judge is said to be not run: unknown kinds, comments in JSON, JSX, templates', async () => {
  const odd = {
    'b.json': '{\n  // a comment\n  "a": 1\n}\n',
    'b.js': 'export const b = <div>text</div>;\n',
    'b.yaml': '{{- if .Values.on }}\na: 1\n{{- end }}\n',
    'b.rs': 'fn main() {}\n',
  };
  const checks = await checked({ 'a.txt': 'a\n' }, `${write(odd)}\nln -s /dev/zero c.js; ln -s missing d.py`);
  expect([...checks.values()].map(({ tool, verdict }) => [tool, verdict])).toEqual([
    ['node --check', 'not_run'],
    ['node (JSON)', 'not_run'],
    ['python3', 'not_run'],
    ['python3 (YAML)', 'not_run'],
    ['none', 'not_run'],
  ]);
  expect(checks.get('none')?.note).toBe('no tool reads b.rs');
});

test('names of files are data, whatever is in them', async () => {
  const checks = await checked(
    { 'a.txt': 'a\n' },
    `echo 'x = 1' > '-c.py'; echo 'x = 1' > $'a\\nb; touch "$HOME".py'; echo 'x = 1' > "'; exit 9 #.py"`,
  );
  expect(checks.get('python3')).toMatchObject({ verdict: 'passing', files: 3, note: null });
});

test('Python without the bytes it would write, and no code of the change is run', async () => {
  const text = 'import os\nos.makedirs("/workspace/was-run")\nraise SystemExit(3)\n';
  const checks = await checked(
    { 'a.txt': 'a\n' },
    write({ 'sitecustomize.py': text, 'yaml.py': text, 'b.yaml': 'a: 1\n', 'a.py': 'x = 1\n' }),
  );
  expect(checks.get('python3')).toMatchObject({ verdict: 'passing', files: 3 });
  expect(checks.get('python3 (YAML)')?.verdict).toMatch(/^(passing|not_run)$/);
});
