import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { discoverAcceptance } from '../../src/activities/acceptance-discovery.ts';
import { evidenceOf } from '../../src/activities/evidence.ts';
import type { Snapshot } from '../../src/domain/snapshot.ts';
import { verificationsOf } from '../../src/activities/verification-records.ts';
import { blobId } from '../../src/store/blobs.ts';
import { projects } from '../support/projects.ts';
import { SESSION, verifierSetting } from './verifier-setting.ts';

const guards = (commands: string[]) => ({ strict: false, onRedEnd: 'keep', guards: commands }) as const;

const inSandbox = (program: string) =>
  ['/usr/bin', '/usr/local/go/bin'].some((path) => existsSync(`${path}/${program}`));

describe.each(Object.entries(projects))(
  'a repository in %s',
  (_, { files, command, sound, repair, breakage, program }) => {
    test.skipIf(!inSandbox(program))(
      'its own tests are found; a repair makes them green, and a change that breaks another one is a regression',
      async () => {
        const { verify, git, snapshot } = await verifierSetting(files);
        const repository = git.open(SESSION);
        const read = async (path: string) =>
          (await repository.readFile(snapshot.base.tree, path, 100_000))?.toString('utf8') ?? null;
        expect(await discoverAcceptance(await repository.listFiles(snapshot.base.tree), read)).toEqual([command]);

        const agreed = { acceptance: [command, sound], verification: guards([command, sound]) };
        const repaired = await verify(repair, agreed);
        expect(repaired.verification.checks).toMatchObject([
          { verdict: 'fixed', required: false, baseline: { again: expect.anything() }, after: { exitCode: 0 } },
          { verdict: 'passing' },
        ]);
        expect(repaired).toMatchObject({ accepted: true, standing: { verified: true, note: null } });
        const broken = await verify(breakage, agreed, 1);
        expect(broken.verification.checks.map(({ verdict }) => verdict)).toEqual(['still_failing', 'regressed']);
        expect(broken).toMatchObject({ accepted: false, standing: { verified: false, note: '2 of 2 red' } });
      },
      180_000,
    );
  },
);

test('a command that is red and then green is flaky: it neither forbids the delivery nor proves anything', async () => {
  // Outside the tree, so that restoring the files between the two runs does not undo it: what git ignores stays.
  const { verify, artifact } = await verifierSetting({ '.gitignore': 'cache\n', 'a.txt': 'a\n' });
  const acceptance = ['mkdir -p cache; [ -e cache/ran ] && echo second || { touch cache/ran; echo first; false; }'];
  const { verification, accepted, standing } = await verify('echo b > a.txt', { acceptance });
  expect(verification.checks).toMatchObject([{ verdict: 'flaky', after: { exitCode: 1, again: { exitCode: 0 } } }]);
  expect(accepted).toBe(true);
  expect(standing).toEqual({ verified: false, note: 'every acceptance command is flaky' });
  expect([await artifact('checks/round-0-1.log'), await artifact('checks/round-0-1-again.log')]).toEqual([
    'first\n',
    'second\n',
  ]);
  const strict = await verify('echo c > a.txt', { acceptance, verification: { ...guards([]), strict: true } }, 1);
  expect(strict.accepted).toBe(false);
});

test('code that ends the process of its own tests is green, and found out by the tests that were not run', async () => {
  const { verify } = await verifierSetting({
    'sum.mjs': 'export const sum = (a, b) => a + b;\n',
    'sum.test.mjs': `import test from 'node:test';
import assert from 'node:assert';
import { sum } from './sum.mjs';
for (const n of [1, 2, 3]) test('sum ' + n, () => assert.equal(sum(n, n), 2 * n));
`,
  });
  const acceptance = ['node --test'];
  const honest = await verify('echo "// sums" >> sum.mjs', { acceptance });
  expect(honest.standing).toEqual({ verified: true, note: null });
  expect(honest.verification.checks).toMatchObject([{ baseline: { tests: 3 }, after: { tests: 3 } }]);
  const deceit = await verify('echo "export const sum = () => 0; process.exit(0);" > sum.mjs', { acceptance }, 1);
  expect(deceit.verification.checks).toMatchObject([{ verdict: 'passing', after: { exitCode: 0 } }]);
  expect(deceit.standing).toEqual({ verified: true, note: 'tests run: 1, on the base: 3' });
});

test('every command finds the files of the tree and nothing that another one left, except what git ignores', async () => {
  const { verify } = await verifierSetting({ '.gitignore': 'cache\n', 'a.txt': 'a\n' });
  const acceptance = [
    'echo left > b.txt; echo spoiled > a.txt; mkdir cache; touch cache/kept',
    'test ! -e b.txt && grep -q changed a.txt && test -e cache/kept',
  ];
  const { verification } = await verify('echo changed > a.txt', { acceptance });
  expect(verification.checks.map(({ verdict }) => verdict)).toEqual(['passing', 'fixed']);
});

test('without any command nothing is claimed, and with skip nothing is run', async () => {
  const { verify, store } = await verifierSetting({ 'a.txt': 'a\n' });
  expect(await verify('echo b > a.txt', {})).toMatchObject({
    accepted: true,
    standing: { verified: false, note: 'there is no acceptance command' },
  });
  const skipped = await verify('echo "x = (" > a.py', { testStrategy: 'skip', acceptance: ['false'] });
  expect(skipped).toMatchObject({
    accepted: true,
    standing: { verified: false, note: 'the task asked to skip all checks' },
  });
  expect(skipped.verification).toMatchObject({ checks: [], syntax: [] });
  expect((await store.artifacts.list(SESSION)).map(({ name }) => name)).toEqual(['checks/round-0.json']);
});

test('an incremental verification leaves out what the change does not reach, says why, and is not called verified', async () => {
  const { verify, store } = await verifierSetting({ 'web/a.txt': 'a\n', 'api/a.txt': 'a\n' });
  const acceptance = ['cd web && grep -q b a.txt', 'cd api && true', 'test -d web'];
  const { verification, standing, accepted } = await verify('echo b > web/a.txt', {
    testStrategy: 'incremental',
    acceptance,
  });
  expect(verification.checks).toMatchObject([
    { verdict: 'passing', baseline: null, note: 'not run on the base commit' },
    { verdict: 'not_run', after: null, note: expect.stringContaining('no changed file lies below api/') },
    { verdict: 'passing', baseline: null },
  ]);
  expect([accepted, standing]).toEqual([true, { verified: false, note: '1 of 3 not run' }]);
  // Only something red needs the base, to tell a regression from what was red before.
  const red = await verify('echo c > web/a.txt', { testStrategy: 'incremental', acceptance }, 1);
  expect(red.verification.checks[0]).toMatchObject({ verdict: 'still_failing', baseline: { exitCode: 1 } });
  expect((await verificationsOf(store, SESSION)).map(({ round }) => round)).toEqual([0, 1]);
});

test('what was red before and nobody demands is told to the agent once, and then forbids nothing', async () => {
  const { verify } = await verifierSetting({ 'a.txt': 'a\n' });
  const changes = {
    acceptance: ['echo broken since ever; false'],
    verification: guards(['echo broken since ever; false']),
  };
  const first = await verify('echo b > a.txt', changes);
  expect([first.accepted, first.verification.checks[0]?.verdict]).toEqual([false, 'still_failing']);
  expect(evidenceOf(first.verification)).toMatch(/broken since ever[^]*red before your change as well/);
  const second = await verify('echo c > a.txt', changes, 1);
  expect(second).toMatchObject({ accepted: true, standing: { verified: false, note: '1 of 1 red' } });
  const demanded = await verify('echo d > a.txt', { acceptance: changes.acceptance }, 2);
  expect(demanded.accepted).toBe(false);
});

test('a command that hangs is ended and red; its log is kept with its hash, and the evidence holds its end', async () => {
  const { verify, store } = await verifierSetting({ 'a.txt': 'a\n' }, 3000);
  const acceptance = ['test "$(cat a.txt)" = a || { echo waiting; sleep 60; }'];
  const { verification } = await verify('echo b > a.txt', { acceptance });
  const after = verification.checks[0]?.after;
  expect(verification.checks[0]).toMatchObject({ verdict: 'regressed', after: { reason: 'timeout', exitCode: null } });
  const { artifact, bytes } = await store.artifacts.read(SESSION, 'checks/round-0-1.log');
  expect([artifact.blob, bytes.toString()]).toEqual([after?.log, 'waiting\n']);
  expect(blobId(bytes)).toBe(after?.log);
  expect(evidenceOf(verification)).toMatch(/Verification round 1[^]*regressed, ended by timeout\nwaiting/);
});

test('the evidence is trimmed: each failure keeps its command and its end, whatever it wrote', async () => {
  const { verify } = await verifierSetting({ 'a.txt': 'a\n' });
  const noisy = (name: string) => `for i in {1..50}; do printf '%0300d\\n' $i; done; echo end of ${name}; false`;
  const acceptance = ['a', 'b', 'c', 'd', 'e'].map(noisy);
  const text = evidenceOf((await verify('echo b > a.txt', { acceptance })).verification);
  expect(text.length).toBeLessThan(26_000);
  for (const name of ['a', 'b', 'c', 'd', 'e']) expect(text).toContain(`\nend of ${name}`);
});

test('commands and parsers run within the limits that were frozen, whatever the server is configured with now', async () => {
  const { verify, snapshot } = await verifierSetting({ 'a.py': 'x = 1\n' });
  const within = (limits: Record<string, number>, timeoutMs: number, napSeconds: number) => ({
    acceptance: ['head -c 3000000 /dev/zero > big', 'test "$(ulimit -n)" = 77', `sleep ${napSeconds}`],
    sandbox: { ...snapshot.sandbox, limits },
    verification: { ...guards([]), timeoutMs },
  });
  const narrow = await verify(
    "echo 'x = 2' > a.py",
    within({ fileBytes: 1_000_000, openFiles: 77, processDataBytes: 2_000_000 }, 3_000, 30),
  );
  expect(narrow.verification.checks).toMatchObject([
    { verdict: 'still_failing' },
    { verdict: 'passing' },
    { verdict: 'still_failing', after: { reason: 'timeout' } },
  ]);
  expect(narrow.verification.syntax[0]?.verdict).not.toBe('passing');
  const wide = await (
    await verifierSetting({ 'a.py': 'x = 1\n' })
  ).verify("echo 'x = 2' > a.py", within({}, 60_000, 3.1));
  expect(wide.verification.checks.map(({ after }) => after?.exitCode)).toEqual([0, 1, 0]);
  expect(wide.verification.syntax).toMatchObject([{ verdict: 'passing' }]);
});

test.each<[string, string, Partial<Snapshot>, string, string?]>([
  ['deletes the test that is red', 'rm test/add.test.js', {}, 'test/add.test.js', '1'],
  ['makes the red test agree with the bug', "sed -i 's/5/-1/' test/add.test.js", {}, 'test/add.test.js'],
  [
    'makes the test script one that is always green',
    "sed -i 's/node --test/true/' package.json",
    {},
    'package.json',
    'unknown',
  ],
  [
    'rewrites the script that judges it',
    "echo 'exit 0' > check.sh",
    { acceptance: ['bash check.sh'] },
    'check.sh',
    'unknown',
  ],
])('a change that %s is green, and never without saying so', async (_, command, changes, path, tests) => {
  const { verify } = await verifierSetting({ ...projects.npm.files, 'check.sh': 'npm test\n' });
  const acceptance = ['npm test'];
  const { standing, verification } = await verify(command, {
    acceptance,
    verification: guards(acceptance),
    ...changes,
  });
  expect(verification.checks).toMatchObject([{ verdict: 'fixed' }]);
  const less = tests === undefined ? '' : `; tests run: ${tests}, on the base: 2`;
  expect(standing).toEqual({ verified: true, note: `the change alters what judges it: ${path}${less}` });
});

test.each([
  ['npm', 'rm -r test', 'npm test'],
  ['Go', 'rm */*_test.go', 'go test ./...'],
] as const)(
  'a repository in %s whose tests are all gone is green and not verified',
  async (language, command, acceptance) => {
    const { files, program } = projects[language];
    if (!inSandbox(program)) return;
    const { verify } = await verifierSetting(files);
    const { standing, verification } = await verify(command, { acceptance: [acceptance] });
    expect(verification.checks).toMatchObject([
      { verdict: 'not_run', after: { exitCode: 0, ranNoTest: true }, note: 'it ended green and ran no test' },
    ]);
    expect(standing).toEqual({ verified: false, note: '1 of 1 not run' });
  },
  180_000,
);
