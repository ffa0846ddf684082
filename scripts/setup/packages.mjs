// @ts-check
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { say } from './say.mjs';

const MARKER = 'node_modules/.holdfast-installed';

/** Installs the npm packages exactly as the lockfile says, unless they are there. */
export function ensurePackages() {
  const wanted = createHash('sha256').update(readFileSync('package-lock.json')).digest('hex');
  if (existsSync(MARKER) && readFileSync(MARKER, 'utf8') === wanted) return;
  say('npm packages: installing what package-lock.json names (npm ci).');
  // No package needs its install script, so none gets to run one.
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    stdio: ['ignore', 2, 2],
  });
  writeFileSync(MARKER, wanted);
}

/** Node 24 comes with the packages, so that hosts with an older one can run Holdfast; npm scripts find it first. */
export function ensureNode() {
  const version = nodeVersion('node_modules/.bin/node') ?? nodeVersion('node');
  if (version !== null && version.startsWith('v24.')) return;
  throw new Error(
    `Holdfast needs Node 24 (found ${version ?? 'none'}). Install it from https://nodejs.org, or use Linux on x64 or arm64.`,
  );
}

/** @param {string} command */
function nodeVersion(command) {
  try {
    return execFileSync(command, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return null;
  }
}
