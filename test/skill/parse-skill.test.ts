import { expect, test } from 'vitest';
import type { HoldfastError } from '../../src/domain/failure.ts';
import type { SkillFault } from '../../src/domain/skill.ts';
import { parseSkill } from '../../src/skill/parse-skill.ts';

function faultsOf(text: string): readonly SkillFault[] {
  try {
    parseSkill(text);
  } catch (error) {
    expect(error).toMatchObject({ code: 'INVALID_SKILL' });
    return (error as HoldfastError).details?.['faults'] as readonly SkillFault[];
  }
  throw new Error('the skill was taken');
}

const head = 'name: tidy\ndescription: Tidies up.';

test('a full skill is read', () => {
  const skill = parseSkill(`---
${head}
required_inputs: [module, { name: style, description: Which one. }]
required_files: ["src/**/*.ts"]
required_tools: [read, bash]
required_scripts:
  - scripts/tidy.sh
egress: [Registry.npmjs.org]
setup: [npm ci]
acceptance:
  - npm test
---
Tidy {{module}} in {{style}}.
`);
  expect(skill).toEqual({
    name: 'tidy',
    description: 'Tidies up.',
    requiredInputs: [
      { name: 'module', description: '' },
      { name: 'style', description: 'Which one.' },
    ],
    requiredFiles: ['src/**/*.ts'],
    requiredTools: ['read', 'bash'],
    requiredScripts: ['scripts/tidy.sh'],
    acceptance: ['npm test'],
    egress: ['registry.npmjs.org'],
    setup: ['npm ci'],
    body: 'Tidy {{module}} in {{style}}.\n',
  });
});

test('all faults come at once, each with its line in the whole text', () => {
  const faults = faultsOf(`---
name: Not A Name
description: ok
required_tool: [bash]
required_tools:
  - bash
  - teleport
required_files:
  - /etc/passwd
  - ../outside
required_inputs:
  - 1st
---
Use {{undeclared}}.
`);
  const places = faults.map(({ line, path }) => `${line} ${path}`).toSorted();
  expect(places).toEqual(
    [
      '2 name',
      '4 required_tool',
      '7 required_tools.1',
      '9 required_files.0',
      '10 required_files.1',
      '12 required_inputs.0',
      '14 body',
    ].toSorted(),
  );
  expect(faults.find(({ path }) => path === 'required_tools.1')?.message).toContain('unknown tool teleport');
  expect(faults.find(({ path }) => path === 'required_tool')?.message).toBe('unknown key');
});

test.each([
  ['no frontmatter', 'Just tidy up.', 1],
  ['an open frontmatter', `---\n${head}\n`, 1],
  ['broken YAML', `---\nname: [\n---\n`, 2],
  ['the same key twice', `---\n${head}\nname: again\n---\n`, 4],
])('%s is a fault with a line', (_, text, line) => {
  const [fault] = faultsOf(text);
  expect(fault?.line).toBeGreaterThanOrEqual(line);
});

test('an empty frontmatter lacks name and description', () => {
  expect(faultsOf('---\n---\nbody').map(({ path }) => path)).not.toHaveLength(0);
});

test('nothing is executed and nothing expands without bounds', () => {
  expect(faultsOf(`---js\nprocess.exit(1)\n---\n`)[0]?.message).toContain('must begin with');
  expect(faultsOf(`---\n${head}\nextra: !!js/function "function(){}"\n---\n`).length).toBeGreaterThan(0);
  const bomb = Array.from(
    { length: 12 },
    (_, level) =>
      `l${level}: &l${level} [${
        level === 0
          ? '1'
          : Array(9)
              .fill(`*l${level - 1}`)
              .join(', ')
      }]`,
  );
  expect(faultsOf(`---\n${head}\n${bomb.join('\n')}\n---\n`).length).toBeGreaterThan(0);
});

test('Windows line ends and a byte order mark make no difference', () => {
  expect(parseSkill(`\uFEFF---\r\nname: tidy\r\ndescription: Tidies.\r\n---\r\nBody\r\n`).body).toBe('Body\n');
});

test('a skill of the Agent Skills format is taken with all its keys, and its tools grant nothing', () => {
  const skill = parseSkill(`---
name: pdf-forms
description: Fills in PDF forms.
license: Apache-2.0
compatibility: Needs git.
metadata: { author: somebody, version: "1.0" }
allowed-tools: Bash(git:*) Read
disable-model-invocation: true
---
Run scripts/fill.py.
`);
  expect(skill).toMatchObject({ name: 'pdf-forms', requiredTools: [], body: 'Run scripts/fill.py.\n' });
});

test.each(['a--b', '-a', 'a-', 'A', 'a_b', 'a'.repeat(65)])('%s is no name of a skill', (name) => {
  expect(faultsOf(`---\nname: ${name}\ndescription: d\n---\n`)).toMatchObject([{ line: 2, path: 'name' }]);
});

test('braces that are not closed and inputs that are declared twice are faults where they stand', () => {
  const faults = faultsOf(`---
${head}
required_inputs:
  - module
  - style
  - module
---
In {{module}} and {{style}}, not \\{{these,
but {{these
and {{ module }.
`);
  expect(faults.map(({ line, path }) => `${line} ${path}`)).toEqual(['7 required_inputs.2', '10 body', '11 body']);
});
