import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const root = join(import.meta.dirname, '..', '..');

/** What oxlint says about a file with this one line. */
function lint(file: string, line: string): string {
  const directory = temporaryDirectory();
  cpSync(join(root, '.oxlintrc.json'), join(directory, '.oxlintrc.json'));
  const path = join(directory, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${line}\nexport const used = thing;\n`);
  try {
    return execFileSync(join(root, 'node_modules', '.bin', 'oxlint'), ['src'], { cwd: directory, encoding: 'utf8' });
  } catch (error) {
    return String((error as { stdout: string }).stdout);
  }
}

test.each([
  ['src/domain/contract.ts', 'node:fs', 'no I/O'],
  ['src/domain/session.ts', 'zod', 'import nothing'],
  ['src/workflows/session.ts', '../activities/index.ts', 'deterministic'],
  ['src/activities/verifier.ts', '@temporalio/client', 'never heard of Temporal'],
  ['src/activities/announcer.ts', '../agent/agent-run.ts', 'never heard of Temporal, pi'],
  ['src/agent/agent-run.ts', 'node:fs', 'wall of pi'],
  ['src/model/provider.ts', '@earendil-works/pi-coding-agent', 'wall of pi-ai'],
  ['src/skill/parse-skill.ts', 'node:fs', 'wall of YAML'],
  ['src/sandbox/limits.ts', 'zod', 'operating system'],
  ['src/git/work-tree.ts', 'simple-git', 'remote.ts alone'],
  ['src/store/blobs.ts', '../git/git-manager.ts', 'wall of the database'],
  ['src/temporal/connection.ts', '../store/store.ts', "wall of Temporal's servers"],
  ['src/api/sessions.ts', '@temporalio/client', 'session-manager.ts alone'],
  ['src/cli/client.ts', '../store/store.ts', 'speaks HTTP'],
])('%s may not import %s, and the message says why', (file, source, reason) => {
  expect(lint(file, `import { thing } from '${source}';`)).toContain(reason);
});

test('what a folder is made of may be imported', () => {
  expect(lint('src/git/remote.ts', "import { thing } from 'simple-git';")).toContain('0 errors');
  expect(lint('src/workflows/session.ts', "import { thing } from '@temporalio/workflow';")).toContain('0 errors');
});
