import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { behind } from '../support/plant-repository.ts';
import { reproduce } from '../support/reproduce.ts';
import { startSetting, type Setting } from '../support/scripted-setting.ts';

/** What a report says it is reproduced by is run as it stands there, against the server and the repository of the session. */

let setting: Setting;
let root: string;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-reproduction-'));
  chmodSync(root, 0o755);
  setting = await startSetting({ ALLOWED_ROOTS: root });
});
afterAll(async () => {
  await setting.stop();
  rmSync(root, { recursive: true, force: true });
});

const files = { 'a.txt': 'bad\n', '.gitignore': 'installed\n' };
/** The check is green only where the set-up was run. */
const rules = { setup: ['echo it is > installed'], acceptance: ['cat installed && grep good a.txt'] };

/** Runs a session whose agent runs these commands, to its end. */
async function run(source: object, commands: readonly string[], changes: object = {}) {
  const userPrompt = commands.map((line) => `0$ ${line}`).join('\n');
  const { source: repository, ...request } = setting.request('follows', '', { userPrompt, ...rules, ...changes }) as {
    readonly source: object;
  };
  const from = 'workingDir' in source ? source : { source: { ...repository, ...source } };
  const id = await setting.holdfast.create({ ...request, ...from });
  const session = await setting.holdfast.reach(id, 'COMPLETE', 'FAILED', 'PAUSED');
  const report = (await setting.holdfast.call('GET', `/api/sessions/${id}/report`)).body.data;
  return { session, report, lines: report.reproduce as string[] };
}

function project(name: string): string {
  const directory = join(root, name);
  mkdirSync(directory);
  for (const [path, content] of Object.entries(files)) writeFileSync(join(directory, path), content);
  // Of its owner, and of no session.
  writeFileSync(join(directory, 'installed'), 'by the owner\n');
  return directory;
}

const green = 'it is\ngood\n';

test('a patch is reproduced from its bundle, with what the task sets up', async () => {
  const repoUrl = await setting.git.createRepository('patched', files);
  const commands = ['echo good > a.txt', 'printf "\\000\\377" > b.bin'];
  const { lines, session } = await run({ repoUrl }, commands, { delivery: 'patch' });
  expect(session).toMatchObject({ state: 'COMPLETE', result: { branch: null, verified: true } });
  const { exitCode, output, work } = await reproduce(setting, lines);
  expect([exitCode, output]).toEqual([0, expect.stringContaining(green)]);
  expect(readFileSync(join(work, 'b.bin'))).toEqual(Buffer.from([0, 255]));
});

test('a patch without a change is reproduced: its checks are run on the base', async () => {
  const repoUrl = await setting.git.createRepository('unchanged', { ...files, 'a.txt': 'good\n' });
  const { lines, session } = await run({ repoUrl }, ['true'], { delivery: 'patch' });
  expect(session).toMatchObject({ state: 'COMPLETE', result: { verified: true } });
  const { exitCode, output } = await reproduce(setting, lines);
  expect([exitCode, output]).toEqual([0, expect.stringContaining(green)]);
});

test('a directory is reproduced beside it, delivered or not, and stays as it is', async () => {
  for (const delivery of ['directory', 'patch']) {
    const workingDir = project(`to the ${delivery}`);
    const { lines, session } = await run({ workingDir }, ['echo good > a.txt'], { delivery });
    expect(session).toMatchObject({ state: 'COMPLETE', result: { kind: delivery, verified: true } });
    expect(readFileSync(join(workingDir, 'a.txt'), 'utf8')).toBe(delivery === 'directory' ? 'good\n' : 'bad\n');
    const { exitCode, output } = await reproduce(setting, lines);
    expect([exitCode, output]).toEqual([0, expect.stringContaining(green)]);
    expect(readdirSync(workingDir).toSorted()).toEqual(['.gitignore', 'a.txt', 'installed']);
    expect(readFileSync(join(workingDir, 'installed'), 'utf8')).toBe('by the owner\n');
  }
});

test('the work of a session that failed is reproduced, from its branch or from its patch, and its check is red there, too', async () => {
  const repoUrl = await setting.git.createRepository('red', files);
  const red = { limits: { maxIterations: 0 } };
  const pushed = await run({ repoUrl }, ['echo worse > a.txt'], red);
  const kept = await run({ repoUrl }, ['echo worse > a.txt'], { ...red, delivery: 'patch' });
  const local = await run({ workingDir: project('red') }, ['echo worse > a.txt'], red);
  expect(pushed.report).toMatchObject({ branch: expect.any(String), commit: expect.any(String) });
  for (const { lines, report, session } of [pushed, kept, local]) {
    expect(session).toMatchObject({ state: 'FAILED', failure: { code: 'CHECKS_FAILED' } });
    const { exitCode, output, work } = await reproduce(setting, lines);
    expect([exitCode, output]).toEqual([1, expect.stringMatching(/^it is$/m)]);
    expect(readFileSync(join(work, 'a.txt'), 'utf8')).toBe('worse\n');
    behind(join(work, '.git'))([`--work-tree=${work}`, 'add', '-A']);
    expect(behind(join(work, '.git'))(['write-tree'])).toBe(report.tree);
  }
});
