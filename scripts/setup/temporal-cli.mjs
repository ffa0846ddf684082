// @ts-check
import { spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { say } from './say.mjs';

/** The version of the Temporal CLI that is built where nothing can be downloaded; it carries server 1.29 and its Web UI. */
const VERSION = 'v1.5.1';
const DOWNLOAD_MS = 25_000;

/**
 * The Temporal CLI of this machine: TEMPORAL_CLI_PATH, then PATH, then our cache; null when there is none.
 * @param {Readonly<Record<string, string | undefined>>} env
 * @returns {string | null}
 */
export function findTemporalCli(env) {
  const named = env['TEMPORAL_CLI_PATH'];
  if (named) return isExecutable(named) ? named : null;
  const onPath = (env['PATH'] ?? '').split(delimiter).map((directory) => join(directory, 'temporal'));
  return [...onPath, cachedCli(env)].find(isExecutable) ?? null;
}

/** A Temporal server to use: a running one (TEMPORAL_ADDRESS), or a CLI that can be one. @type {import('./step.mjs').Step} */
export const temporalCli = {
  isReady: ({ env }) => Boolean(env['TEMPORAL_ADDRESS']) || findTemporalCli(env) !== null,
  async prepare({ root, env }) {
    if (env['TEMPORAL_CLI_PATH'])
      throw new Error(`TEMPORAL_CLI_PATH=${env['TEMPORAL_CLI_PATH']} is not an executable file.`);
    const target = cachedCli(env);
    mkdirSync(dirname(target), { recursive: true });
    const work = mkdtempSync(`${target}.`); // Made aside and renamed: nobody ever runs half of it.
    try {
      say('Temporal CLI: not found. It is the durable engine under every session; downloading it once.');
      renameSync((await download(root, work)) ?? (await build(work, env)), target);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  },
};

/**
 * Where set-up keeps what is the same for all checkouts of this user.
 * @param {Readonly<Record<string, string | undefined>>} env
 */
export function cacheDirectory(env) {
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'holdfast');
}

/** @param {Readonly<Record<string, string | undefined>>} env */
function cachedCli(env) {
  return join(cacheDirectory(env), `temporal-cli-${VERSION}`, 'temporal');
}

/**
 * The SDK's own download; null where its host cannot be reached.
 * @param {string} root
 * @param {string} directory
 */
async function download(root, directory) {
  const script = `
    const { TestWorkflowEnvironment } = require('@temporalio/testing');
    const executable = { type: 'cached-download', downloadDir: ${JSON.stringify(directory)} };
    TestWorkflowEnvironment.createLocal({ server: { executable } }).then((env) => env.teardown());
  `;
  const ok = await run(process.execPath, ['-e', script], { cwd: root, timeoutMs: DOWNLOAD_MS, quiet: true });
  const file = ok ? readdirSync(directory).find((name) => name.startsWith('temporal-sdk-')) : undefined;
  return file === undefined ? null : join(directory, file);
}

/**
 * Builds the CLI from its Go module.
 * @param {string} directory
 * @param {Readonly<Record<string, string | undefined>>} environment
 */
async function build(directory, environment) {
  say(`Temporal CLI: the download is not reachable; building ${VERSION} with Go (about four minutes, once).`);
  const started = Date.now();
  const ticker = setInterval(() => say(`  still building, ${Math.round((Date.now() - started) / 1000)} s`), 15_000);
  const env = { ...environment, GOBIN: directory, CGO_ENABLED: '0' };
  const ok = await run('go', ['install', `github.com/temporalio/cli/cmd/temporal@${VERSION}`], { env });
  clearInterval(ticker);
  if (ok) return join(directory, 'temporal');
  throw new Error(
    'There is no Temporal CLI, and it could be neither downloaded nor built. Install it (https://docs.temporal.io/cli) and put it ' +
      'on PATH or name it by TEMPORAL_CLI_PATH, or name a running Temporal server by TEMPORAL_ADDRESS.',
  );
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, timeoutMs?: number, quiet?: boolean }} [options]
 * @returns {Promise<boolean>}
 */
function run(command, args, { timeoutMs, quiet, ...options } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'ignore', quiet ? 'ignore' : 'inherit'] });
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    child.once('error', () => resolve(false));
    child.once('exit', (code) => {
      clearTimeout(timer);
      resolve(code === 0);
    });
  });
}

/** @param {string} file */
function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
