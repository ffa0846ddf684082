import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { reproductionOf, type Reproducible } from '../../src/activities/reproduction.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const session: Reproducible = {
  sessionId: 'ses_a',
  source: { kind: 'repository', url: 'https://git.example.test/a b.git' },
  base: 'b',
  branch: "it's",
  commit: 'c',
  isApplied: false,
  isChanged: true,
  setup: ['npm ci'],
  commands: ["echo 'a'; false"],
};

test('the lines are quoted, whatever repository, branch and check are called; what is set up comes before the checks', () => {
  expect(reproductionOf(session).slice(1)).toEqual([
    "git clone 'https://git.example.test/a b.git' work && cd work && git checkout b",
    "git fetch origin 'it'\\''s' && git checkout c",
    "CI=true bash -c 'npm ci'",
    "CI=true bash -c 'echo '\\''a'\\''; false'",
  ]);
  expect(reproductionOf({ ...session, base: null })).toEqual([]);
});

test('a patch is applied to the files that it was taken from: submodules and Git LFS come before it', () => {
  const url = 'https://git.example.test/a.git';
  const source = { kind: 'repository', url, submodules: true, lfs: true } as const;
  const lines = reproductionOf({ ...session, source, branch: null }).slice(2, 5);
  expect(lines.slice(0, 2)).toEqual(['git submodule update --init --recursive', 'git lfs pull']);
  // In the place of git-lfs: filters that give pointers to git, and without which nothing goes.
  const directory = temporaryDirectory();
  const work = join(directory, 'work');
  execFileSync('git', ['init', '-q', work]);
  const git = (...args: string[]) => execFileSync('git', args, { cwd: work });
  for (const filter of ['clean', 'smudge']) git('config', `filter.lfs.${filter}`, 'echo pointer');
  git('config', 'filter.lfs.required', 'true');
  writeFileSync(join(work, '.gitattributes'), 'a.txt filter=lfs\n');
  writeFileSync(join(work, 'a.txt'), 'content\n');
  const patch = '--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-content\n+other\n';
  writeFileSync(join(directory, 'diff.patch'), patch);
  execFileSync('/bin/bash', ['-euc', lines[2] ?? ''], { cwd: work });
  expect(readFileSync(join(work, 'a.txt'), 'utf8')).toBe('other\n');
});
