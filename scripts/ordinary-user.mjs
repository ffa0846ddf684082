// @ts-check
/**
 * `ordinary-user.mjs <command…>`: runs a command as an ordinary user, also when root asks for it: with no capability and no group of
 * root's, and a home of its own that is gone afterwards. The checkout must be readable for everybody.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const USER = 1001;
const [command = '', ...args] = process.argv.slice(2);

if (process.getuid?.() === 0) {
  const home = mkdtempSync(join(tmpdir(), 'holdfast-user-'));
  chownSync(home, USER, USER);
  const asUser = [`--reuid=${USER}`, `--regid=${USER}`, '--clear-groups', '--inh-caps=-all', '--bounding-set=-all'];
  const env = { ...process.env, HOME: home, TMPDIR: home, XDG_CACHE_HOME: join(home, '.cache') };
  try {
    execFileSync('setpriv', [...asUser, process.execPath, '--version'], { env, stdio: 'ignore' });
    process.exitCode = spawnSync('setpriv', [...asUser, command, ...args], { env, stdio: 'inherit' }).status ?? 1;
  } catch {
    process.stderr.write(`User ${USER} cannot read this checkout: chmod -R go+rX . makes it readable for everybody.\n`);
    process.exitCode = 1;
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
} else {
  process.exitCode = spawnSync(command, args, { stdio: 'inherit' }).status ?? 1;
}
