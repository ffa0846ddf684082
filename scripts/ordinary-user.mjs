// @ts-check
/**
 * `ordinary-user.mjs <command…>`: runs a command as an ordinary user, also when root asks for it: with no capability and no group of
 * root's, and a home of its own that is gone afterwards. Where the way to the checkout is closed to that user (below root's home, say), it
 * is shown to the command at another place; its files must be readable for everybody.
 */
import { spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const USER = 1001;
const asUser = [`--reuid=${USER}`, `--regid=${USER}`, '--clear-groups', '--inh-caps=-all', '--bounding-set=-all'];
const words = process.argv.slice(2);

process.exitCode = process.getuid?.() === 0 ? runAsUser(words) : run(words, process.env);

/** @param {readonly string[]} command */
function runAsUser(command) {
  const home = mkdtempSync(join(tmpdir(), 'holdfast-user-'));
  chownSync(home, USER, USER);
  const env = { ...process.env, HOME: home, TMPDIR: home, XDG_CACHE_HOME: join(home, '.cache') };
  try {
    const place = join(home, 'checkout');
    mkdirSync(place);
    const ways = /** @type {const} */ ([
      [process.cwd(), directly],
      [place, shownAt(place)],
    ]);
    for (const [checkout, way] of ways) {
      if (run(way(['test', '-r', join(checkout, 'package.json')]), env) === 0) return run(way(command), env);
    }
    process.stderr.write(`User ${USER} cannot read this checkout: chmod -R go+rX . makes it readable for everybody.\n`);
    return 1;
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** @param {readonly string[]} command */
function directly(command) {
  return ['setpriv', ...asUser, ...command];
}

/**
 * The checkout at another place, in a mount namespace that nobody else sees.
 * @param {string} place
 */
function shownAt(place) {
  const script = 'mount --bind . "$0" && cd "$0" && PATH="$0/node_modules/.bin:$PATH" exec "$@"';
  const wrapped = ['unshare', '--mount', 'sh', '-c', script, place];
  return (/** @type {readonly string[]} */ command) => [...wrapped, ...directly(command)];
}

/**
 * The exit code of a command.
 * @param {readonly string[]} words
 * @param {NodeJS.ProcessEnv} env
 */
function run([command = '', ...args], env) {
  return spawnSync(command, args, { env, stdio: 'inherit' }).status ?? 1;
}
