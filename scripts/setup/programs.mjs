// @ts-check
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { say } from './say.mjs';

/** What Holdfast calls, the Debian packages it comes in, and what it is for. */
const needed = [
  { name: 'git', debian: 'git', purpose: 'repositories' },
  { name: 'bwrap', debian: 'bubblewrap', purpose: 'the sandbox that every command of the agent runs in' },
  { name: 'rg', debian: 'ripgrep', purpose: "the agent's search" },
];

/** The programs that Holdfast calls; missing ones are installed where that is possible. @type {import('./step.mjs').Step} */
export const programs = {
  isReady: ({ env }) => missingPrograms(env).length === 0,
  prepare({ env }) {
    const missing = missingPrograms(env);
    const list = missing.map(({ name, purpose }) => `${name} (${purpose})`).join(', ');
    const packages = missing.map(({ debian }) => debian);
    const advice = `Missing: ${list}. Install it, on Debian or Ubuntu: sudo apt-get install ${packages.join(' ')}`;
    if (process.getuid?.() !== 0 || !isOnPath('apt-get', env)) throw new Error(advice);
    for (const { name, debian, purpose } of missing) say(`${name}: installing the package ${debian}, for ${purpose}.`);
    aptGet(['update', '-qq'], env); // May fail in part, and the package still be there.
    aptGet(['install', '-y', '-qq', '--no-install-recommends', ...packages], env);
    if (missingPrograms(env).length > 0) throw new Error(advice);
  },
};

/** @param {Readonly<Record<string, string | undefined>>} env */
function missingPrograms(env) {
  return needed.filter(({ name }) => !isOnPath(name, env) && !(name === 'bwrap' && env['SANDBOX'] === 'off'));
}

/**
 * @param {string[]} args
 * @param {Readonly<Record<string, string | undefined>>} env
 */
function aptGet(args, env) {
  try {
    execFileSync('apt-get', ['-o', 'DPkg::Lock::Timeout=120', ...args], {
      env: { ...env, DEBIAN_FRONTEND: 'noninteractive' },
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
  return (env['PATH'] ?? '').split(delimiter).some((directory) => existsSync(join(directory, name)));
}
