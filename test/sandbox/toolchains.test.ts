import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createSandbox } from '../../src/sandbox/create-sandbox.ts';
import { runInSandbox } from '../../src/sandbox/run-in-sandbox.ts';
import { openDirectory } from '../support/open-directory.ts';

/** Two toolchains, one with a `bin` and one without, both with a program that the system has as well. */
async function setting(mode: 'bwrap' | 'off') {
  const [jdk, flat] = [openDirectory(), openDirectory()];
  const program = (path: string, says: string) => writeFileSync(path, `#!/bin/sh\necho ${says}\n`, { mode: 0o755 });
  mkdirSync(join(jdk, 'bin'));
  program(join(jdk, 'bin', 'javac'), 'javac of the toolchain');
  program(join(jdk, 'bin', 'git'), 'git of the toolchain');
  program(join(flat, 'flat'), 'flat');
  program(join(flat, 'git'), 'git of the second');
  const sandbox = createSandbox({ mode, toolchains: [jdk, flat] });
  onTestFinished(() => sandbox.dispose());
  const workspace = openDirectory();
  await sandbox.adopt(workspace);
  const bash = async (command: string) => {
    const run = await runInSandbox(sandbox, ['/bin/bash', '-c', `exec 2>&1; ${command}`], { workspace });
    return { exitCode: run.exitCode, out: run.stdout.toString() };
  };
  return { bash, jdk, flat };
}

test.each(['bwrap', 'off'] as const)(
  'the programs of toolchains come before those of the system, in the order of the toolchains (%s)',
  async (mode) => {
    const { bash, flat, jdk } = await setting(mode);
    const { out } = await bash('javac; flat; git; echo $PATH');
    expect(out).toMatch('javac of the toolchain\nflat\ngit of the toolchain\n');
    expect(out).toContain(`\n${join(jdk, 'bin')}:${flat}:/`);
  },
);

test('a toolchain is read only, also where it lies below /tmp, and nothing beside it is there', async () => {
  const { bash, jdk } = await setting('bwrap');
  const beside = openDirectory();
  const { out, exitCode } = await bash(`ls ${beside}; echo evil >> ${jdk}/bin/javac; touch ${jdk}/new`);
  expect(exitCode).not.toBe(0);
  expect(out.match(/No such file|Read-only file system|Permission denied/g)).toHaveLength(3);
  expect(readdirSync(jdk)).toEqual(['bin']);
});

test('a toolchain that cannot be mounted ends the start with the reason', () => {
  const gone = join(openDirectory(), 'gone');
  expect(() => createSandbox({ mode: 'bwrap', toolchains: [gone] })).toThrow(
    expect.objectContaining({ code: 'SANDBOX_UNAVAILABLE', message: expect.stringContaining(gone) }),
  );
});

const versioned = readdirSync('/etc').filter((name) => /^(java-\d+-openjdk|python3\.\d+)$/.test(name));

test.skipIf(versioned.length === 0)(
  'what /etc has of a Java or a Python is there, whichever version it is',
  async () => {
    const { bash } = await setting('bwrap');
    expect((await bash('ls /etc')).out.split('\n')).toEqual(expect.arrayContaining(versioned));
  },
);
