import { execFileSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
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
  ['src/domain/contract.ts', '../store/store.ts', 'no I/O'],
  ['src/domain/session.ts', '../fault-point.ts', 'import nothing'],
  ['src/workflows/phases.ts', '../fault-point.ts', 'deterministic'],
  ['src/domain/session.ts', 'zod', 'import nothing'],
  ['src/domain/failure.ts', './usage.ts', 'import nothing'],
  ['src/git/forges/github.ts', 'undici', 'how they are reached is passed in'],
  ['src/activities/forge-transport.ts', '../git/git-manager.ts', 'Webhooks know undici'],
  ['src/workflows/session.ts', '../activities/index.ts', 'deterministic'],
  ['src/workflows/phases.ts', '../domain/contract.ts', 'deterministic'],
  ['src/workflows/mailbox.ts', 'node:crypto', 'deterministic'],
  ['src/activities/index.ts', '@temporalio/client', 'only file of activities/ that knows Temporal'],
  ['src/activities/verifier.ts', '@temporalio/client', 'never heard of Temporal'],
  ['src/activities/verifier.ts', '@temporalio/activity', 'never heard of Temporal'],
  ['src/activities/announcer.ts', '../agent/agent-run.ts', 'never heard of Temporal, pi'],
  ['src/activities/contract-synthesizer.ts', '../agent/agent-run.ts', 'one model call'],
  ['src/activities/contract-synthesizer.ts', '@earendil-works/pi-ai', 'one model call'],
  ['src/activities/execution-runner.ts', '@earendil-works/pi-coding-agent', 'pi itself stays in agent/'],
  ['src/activities/webhook-client.ts', '../git/git-manager.ts', 'Webhooks know undici'],
  ['src/outbound/guarded-connector.ts', '../agent/agent-run.ts', 'by what address'],
  ['src/agent/agent-run.ts', 'node:fs', 'wall of pi'],
  ['src/agent/agent-run.ts', '../config.ts', 'wall of pi'],
  ['src/agent/tools/bash-tool.ts', '../../git/git-manager.ts', 'wall of pi'],
  ['src/model/provider.ts', '@earendil-works/pi-coding-agent', 'wall of pi-ai'],
  ['src/activities/snapshot-builder.ts', 'canonicalize', 'never heard of Temporal'],
  ['src/digest/canonical-json.ts', '../store/store.ts', 'wall of canonical JSON'],
  ['src/bundle/tar.ts', '../store/store.ts', 'no server and no store'],
  ['src/redaction/redactor.ts', 'node:fs', 'function of a text'],
  ['src/sealing/key-ring.ts', '../store/store.ts', 'wall of cryptography'],
  ['src/skill/parse-skill.ts', 'node:fs', 'wall of YAML'],
  ['src/sandbox/limits.ts', 'zod', 'operating system'],
  ['src/git/work-tree.ts', 'simple-git', 'remote.ts alone'],
  ['src/git/remote.ts', 'node:fs', 'only user of simple-git'],
  ['src/store/blobs.ts', '../git/git-manager.ts', 'wall of the database'],
  ['src/temporal/connection.ts', '../store/store.ts', "wall of Temporal's servers"],
  ['src/temporal/connection.ts', '../workflows/messages.ts', "wall of Temporal's servers"],
  ['src/api/sessions.ts', '@temporalio/client', 'session-manager.ts alone'],
  ['src/api/sessions.ts', '../git/git-manager.ts', 'session-manager.ts alone'],
  ['src/api/session-manager.ts', 'hono', "only user of Temporal's client"],
  ['src/cli/client.ts', '../store/store.ts', 'speaks HTTP'],
  ['src/cli.ts', './store/store.ts', 'speaks HTTP'],
])('%s may not import %s, and the message says why', (file, source, reason) => {
  const said = lint(file, `import { thing } from '${source}';\nexport { other } from '${source}';`);
  expect(said.split(reason)).toHaveLength(3); // Once for the import, once for the export.
});

test('what a folder is made of may be imported, and types where the workflow needs only them', () => {
  expect(lint('src/git/remote.ts', "import { thing } from 'simple-git';")).toContain('0 errors');
  expect(lint('src/workflows/session.ts', "import { thing } from '@temporalio/workflow';")).toContain('0 errors');
  expect(
    lint('src/workflows/session.ts', "import type { a } from '../activities/index.ts'; const thing = 1 as a;"),
  ).toContain('0 errors');
});

test('every folder has a wall, but the demo: it composes, as main.ts does', () => {
  const { overrides } = JSON.parse(readFileSync(join(root, '.oxlintrc.json'), 'utf8')) as {
    overrides: { files: string[]; rules: Record<string, unknown> }[];
  };
  const walls = overrides.filter(({ rules }) => Array.isArray(rules['no-restricted-imports']));
  const walled = new Set(walls.flatMap(({ files }) => files));
  const folders = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const open = folders.map(({ name }) => name).filter((name) => !walled.has(`src/${name}/**`));
  expect(open).toEqual(['demo']);
});

test('nothing is imported dynamically: the walls would not see it', () => {
  const sources = globSync('src/**/*.ts', { cwd: root });
  expect(sources.length).toBeGreaterThan(50);
  expect(sources.filter((file) => /\b(import|require)\(/.test(readFileSync(join(root, file), 'utf8')))).toEqual([]);
});
