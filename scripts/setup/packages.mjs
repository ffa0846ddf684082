// @ts-check
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { say } from './say.mjs';

/** The npm packages, exactly as package-lock.json names them. @type {import('./step.mjs').Step} */
export const packages = {
  isReady({ root }) {
    // npm writes down what it has installed when it is done; an installation that broke off left nothing written.
    const installed = lockedPackages(join(root, 'node_modules', '.package-lock.json'));
    const wanted = Object.entries(lockedPackages(join(root, 'package-lock.json')) ?? {});
    return wanted.every(([path, { integrity, optional }]) => {
      if (path === '') return true; // The project itself.
      const found = installed?.[path];
      return found === undefined ? installed !== null && optional === true : found.integrity === integrity;
    });
  },
  prepare({ root }) {
    say('npm packages: installing what package-lock.json names (npm ci).');
    // No package needs its install script, so none gets to run one.
    const flags = ['--ignore-scripts', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
    execFileSync('npm', ['ci', ...flags], { cwd: root, stdio: ['ignore', 2, 2] });
  },
};

/** Node 24 comes with the packages, so that hosts with an older one can run Holdfast; npm scripts find it first. @type {import('./step.mjs').Step} */
export const node = {
  isReady: ({ root }) => isNewEnough(nodeVersion(root)),
  prepare({ root }) {
    throw new Error(
      `Holdfast needs Node 24.15 or a later 24 (found ${nodeVersion(root) ?? 'none'}). ` +
        'Install it from https://nodejs.org, or use Linux on x64 or arm64.',
    );
  },
};

/**
 * @param {string} file a lockfile of npm: ours, or the one it keeps inside node_modules
 * @returns {Record<string, { integrity?: string, optional?: boolean }> | null}
 */
function lockedPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return null;
  }
}

/**
 * The version that npm scripts get when they say `node`.
 * @param {string} root
 */
function nodeVersion(root) {
  for (const command of [join(root, 'node_modules', '.bin', 'node'), 'node']) {
    try {
      return execFileSync(command, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    } catch {
      // The next one.
    }
  }
  return null;
}

/** @param {string | null} version */
function isNewEnough(version) {
  const [, major, minor] = /^v(\d+)\.(\d+)\./.exec(version ?? '') ?? [];
  return Number(major) === 24 && Number(minor) >= 15;
}
