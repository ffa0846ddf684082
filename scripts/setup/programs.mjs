// @ts-check
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { say } from './say.mjs';

/** What Holdfast calls, the Debian packages it comes in, and what it is for. */
const needed = [
  { name: 'git', debian: 'git', purpose: 'repositories' },
  { name: 'bwrap', debian: 'bubblewrap', purpose: 'the sandbox that every command of the agent runs in' },
  { name: 'ssh', debian: 'openssh-client', purpose: 'repositories over SSH' },
  { name: 'rg', debian: 'ripgrep', purpose: "the agent's search" },
];

/** What only the tests call: a real counterpart, which each of them starts for itself. */
const neededByTests = [{ name: 'sshd', debian: 'openssh-server', purpose: 'the tests of repositories over SSH' }];

/** The programs that Holdfast calls; missing ones are installed where that is possible. @type {import('./step.mjs').Step} */
export const programs = {
  isReady: (machine) => missingPrograms(machine).length === 0,
  prepare(machine) {
    const { env } = machine;
    const missing = missingPrograms(machine);
    const list = missing.map(({ name, purpose }) => `${name} (${purpose})`).join(', ');
    const packages = missing.map(({ debian }) => debian);
    const advice = `Missing: ${list}. Install it, on Debian or Ubuntu: sudo apt-get install ${packages.join(' ')}`;
    if (process.getuid?.() !== 0 || !isOnPath('apt-get', env)) throw new Error(advice);
    for (const { name, debian, purpose } of missing) say(`${name}: installing the package ${debian}, for ${purpose}.`);
    aptGet(['update', '-qq'], env); // May fail in part, and the package still be there.
    aptGet(['install', '-y', '-qq', '--no-install-recommends', ...packages], env);
    if (missingPrograms(machine).length > 0) throw new Error(advice);
  },
};

/** @param {import('./step.mjs').Machine} machine */
function missingPrograms({ env, isForTests }) {
  const wanted = [...needed, ...(isForTests ? neededByTests : [])];
  return wanted.filter(({ name }) => !isOnPath(name, env) && !(name === 'bwrap' && env['SANDBOX'] === 'off'));
}

/**
 * @param {string[]} args
 * @param {Readonly<Record<string, string | undefined>>} env
 */
function aptGet(args, env) {
  try {
    execFileSync('apt-get', ['-o', 'DPkg::Lock::Timeout=120', ...args], {
      env: { ...env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }, // Of what is installed no service is started.
      stdio: ['ignore', 'ignore', 2],
    });
  } catch {
    // It has said why; what counts is whether the programs are there in the end.
  }
}

/**
 * @param {string} name
 * @param {Readonly<Record<string, string | undefined>>} env
 */
function isOnPath(name, env) {
  // Where servers are installed is not on everybody's path.
  return [...(env['PATH'] ?? '').split(delimiter), '/usr/sbin'].some((directory) => existsSync(join(directory, name)));
}
