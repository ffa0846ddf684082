// @ts-check
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { say } from './say.mjs';

/** Programs that Holdfast calls, the Debian packages they come in, and what they are for. */
const programs = [
  { name: 'git', debian: 'git', purpose: 'repositories' },
  { name: 'bwrap', debian: 'bubblewrap', purpose: 'the sandbox that every command of the agent runs in' },
  { name: 'rg', debian: 'ripgrep', purpose: "the agent's search" },
];

/**
 * Installs missing programs where that is possible, and says what to install where it is not.
 * @param {Readonly<Record<string, string | undefined>>} env
 */
export function ensurePrograms(env) {
  const needed = env['SANDBOX'] === 'off' ? programs.filter(({ name }) => name !== 'bwrap') : programs;
  const missing = needed.filter(({ name }) => !isOnPath(name, env));
  if (missing.length === 0) return;
  const packages = missing.map(({ debian }) => debian);
  if (process.getuid?.() !== 0 || !isOnPath('apt-get', env)) {
    const list = missing.map(({ name, purpose }) => `${name} (${purpose})`).join(', ');
    throw new Error(`Missing: ${list}. Install it, on Debian or Ubuntu: sudo apt-get install ${packages.join(' ')}`);
  }
  for (const { name, debian, purpose } of missing) say(`${name}: installing the package ${debian}, for ${purpose}.`);
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  execFileSync('apt-get', ['update', '-qq'], { ...options, stdio: ['ignore', 'ignore', 2] });
  const install = ['install', '-y', '-qq', '--no-install-recommends', ...packages];
  execFileSync('apt-get', install, { ...options, stdio: ['ignore', 'ignore', 2] });
}

/**
 * @param {string} name
 * @param {Readonly<Record<string, string | undefined>>} env
 */
function isOnPath(name, env) {
  return (env['PATH'] ?? '').split(delimiter).some((directory) => existsSync(join(directory, name)));
}
