import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { freePort } from '../../src/temporal/embedded-server.ts';

/** Where `gitea.sh` lies: a script that builds, starts and stops a real Gitea. */
const tools = process.env['FORGE_TOOLS'] ?? resolve(import.meta.dirname, '..', '..', '..', 'shared', 'tools');

/**
 * Names a real Gitea to the tests by GITEA_URL and GITEA_TOKEN: the one that is named already, else one of our own where the tools are
 * there (the first build takes minutes and is kept), else none.
 */
export function setup(): Promise<(() => void) | undefined> {
  return process.env['GITEA_URL'] === undefined && existsSync(join(tools, 'gitea.sh'))
    ? start()
    : Promise.resolve(undefined);
}

async function start(): Promise<() => void> {
  const env = { ...process.env, GITEA_PORT: String(await freePort()), GITEA_INSTANCE: `holdfast-${process.pid}` };
  const run = (command: string) =>
    execFileSync(join(tools, 'gitea.sh'), [command], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  const { url, token } = JSON.parse(run('start')) as { url: string; token: string };
  process.env['GITEA_URL'] = url;
  process.env['GITEA_TOKEN'] = token;
  return () => void run('reset');
}
