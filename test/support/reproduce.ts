import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { canaries, type Setting } from './scripted-setting.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const cli = join(import.meta.dirname, '..', '..', 'src', 'cli.ts');

/** The environment of a person who may read and write the repositories. */
export function atHome({ holdfast }: Setting): NodeJS.ProcessEnv {
  const login = Buffer.from(`git:${canaries.gitToken}`).toString('base64');
  const who = { 'user.name': 'Ada', 'user.email': 'ada@example.test' };
  const config = gitConfig({ 'http.extraHeader': `Authorization: Basic ${login}`, ...who });
  return { PATH: process.env['PATH'], HOLDFAST: holdfast.url, HOLDFAST_URL: holdfast.url, ...config };
}

/** What came of the lines by which a report says it is reproduced. */
export interface Reproduced {
  readonly exitCode: number | null;
  readonly output: string;
  /** The directory that the lines made. */
  readonly work: string;
}

/** Runs the lines as they stand in the report, at a person's home, in an empty directory, up to the first that fails. */
export async function reproduce(setting: Setting, lines: readonly string[]): Promise<Reproduced> {
  const cwd = temporaryDirectory();
  const program = `holdfast() { '${process.execPath}' '${cli}' "$@"; }`;
  const script = ['exec 2>&1', program, ...lines].join('\n');
  const child = spawn('/bin/bash', ['-euc', script], {
    cwd,
    env: atHome(setting),
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [output, [exitCode]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  return { exitCode: exitCode as number | null, output, work: join(cwd, 'work') };
}

/** Configuration of git, by the environment. */
function gitConfig(values: Readonly<Record<string, string>>): Record<string, string> {
  const pairs = Object.entries(values).flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return { GIT_CONFIG_COUNT: String(Object.keys(values).length), ...Object.fromEntries(pairs) } as Record<
    string,
    string
  >;
}
