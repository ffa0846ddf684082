import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { preflightSetting } from './preflight-setting.ts';

const sha256 = /^[0-9a-f]{64}$/;

test('a skill of the server brings the files that its text names: shown to the model, hashed, frozen, and given to the agent', async () => {
  const { asked, check, freeze } = await preflightSetting({
    skills: {
      'tidy/SKILL.md': '---\nname: tidy\ndescription: d\n---\nRun scripts/tidy.sh as references/rules.md says.\n',
      'tidy/scripts/tidy.sh': 'echo tidy-canary\n',
      'tidy/references/rules.md': 'Rules.\n',
      'tidy/references/unused.md': 'unused-canary\n',
    },
    task: { skill: { kind: 'name', name: 'tidy' } },
  });
  const prompt = asked[0]?.userMessages.join('\n') ?? '';
  expect(prompt).toContain('tidy-canary');
  expect(prompt).not.toContain('unused-canary');
  const { agreed, missing } = await check();
  expect(missing).toEqual([]);
  expect(agreed.items.map(({ kind, name, state }) => `${kind} ${name} ${state}`)).toEqual([
    'script skill:references/rules.md satisfied',
    'script skill:scripts/tidy.sh satisfied',
  ]);
  const { snapshot } = await freeze();
  expect(snapshot.scripts.map(({ path }) => path)).toEqual(['skill:references/rules.md', 'skill:scripts/tidy.sh']);
  expect(snapshot.skillText).toContain('echo tidy-canary');
  expect(snapshot.skill).toEqual({ name: 'tidy', digest: expect.stringMatching(/^sha256:/) });
});

test('a skill directory of the repository is relative to itself, and its files are hashed where they are tracked', async () => {
  const { asked, check, freeze } = await preflightSetting({
    files: {
      '.agents/skills/tidy/SKILL.md':
        '---\nname: tidy\ndescription: d\nrequired_scripts: [scripts/tidy.sh]\n---\nTidy.\n',
      '.agents/skills/tidy/scripts/tidy.sh': '#!/bin/sh\necho tidy-canary\n',
    },
    task: { skill: { kind: 'path', path: '.agents/skills/tidy' } },
  });
  expect(asked[0]?.userMessages.join('\n')).toContain('tidy-canary');
  expect((await check()).missing).toEqual([]);
  const { snapshot } = await freeze();
  const path = '.agents/skills/tidy/scripts/tidy.sh';
  expect(snapshot.scripts).toEqual([{ path, sha256: expect.stringMatching(sha256) }]);
  expect(snapshot.skillText).toContain('lie below .agents/skills/tidy/');
});

test('a script of the repository comes before one of the same name that the skill brings', async () => {
  const { check } = await preflightSetting({
    files: { 'run.sh': '#!/bin/sh\n' },
    skills: {
      's/SKILL.md': '---\nname: s\ndescription: d\nrequired_scripts: [run.sh]\n---\nGo.\n',
      's/run.sh': 'echo other\n',
    },
    task: { skill: { kind: 'name', name: 's' } },
  });
  expect((await check()).agreed.requiredScripts).toEqual(['run.sh']);
});

test("the skill is read once: what happens to the server's folder later changes nothing", async () => {
  const { check, freeze, skillsDir } = await preflightSetting({
    skills: { 's.md': '---\nname: s\ndescription: d\n---\nAs agreed.\n' },
    task: { skill: { kind: 'name', name: 's' } },
  });
  writeFileSync(
    join(skillsDir, 's.md'),
    '---\nname: s\ndescription: d\nrequired_tools: [bash]\n---\nSomething else.\n',
  );
  await check();
  rmSync(join(skillsDir, 's.md'));
  expect((await freeze()).snapshot.skillText).toBe('As agreed.\n');
});

test('a script that is a symbolic link, or larger than can be shown, is told as what it is', async () => {
  const { asked, check } = await preflightSetting({
    files: { 'big.sh': `#!/bin/sh\n${'# padding\n'.repeat(120_000)}` },
    links: { 'link.sh': '/etc/passwd' },
    task: {
      skill: {
        kind: 'inline',
        text: '---\nname: s\ndescription: d\nrequired_scripts: [big.sh, link.sh]\n---\nGo.\n',
      },
    },
  });
  expect(asked[0]?.userMessages.join('\n')).toContain('larger than 1048576 bytes');
  const { agreed } = await check();
  expect(agreed.items.map(({ name, state, evidence }) => `${name} ${state} ${evidence.slice(0, 7)}`)).toEqual(
    ['big.sh satisfied sha256:', 'link.sh missing it is a'].map((line) => line.slice(0, 40)),
  );
});

test('a bundled file that is no text, and a skill that is not there, are refused by name', async () => {
  const binary = preflightSetting({
    skills: {
      's/SKILL.md': '---\nname: s\ndescription: d\n---\nUse tool.bin\n',
      's/tool.bin': '\u0000' + 'x'.repeat(70_000),
    },
    task: { skill: { kind: 'name', name: 's' } },
  });
  await expect(binary).rejects.toMatchObject({ code: 'INVALID_SKILL', message: expect.stringContaining('tool.bin') });
  const none = preflightSetting({ task: { skill: { kind: 'name', name: '../etc' } } });
  await expect(none).rejects.toMatchObject({ code: 'INVALID_SKILL' });
});
