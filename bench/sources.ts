import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startGitHttpServer } from '../src/demo/git-http-server.ts';
import { GitManager } from '../src/git/git-manager.ts';
import { createSandbox } from '../src/sandbox/create-sandbox.ts';
import type { ScriptedModelProcess } from '../test/support/scripted-model/process.ts';
import { median, ms, print, timed, title } from './figure.ts';
import { openStartBench } from './first-request.ts';
import { inDirectory } from './in-directory.ts';

const run = promisify(execFile);
const ROUNDS = 7;
const SIZE = { files: 3000, commits: 1000, filesPerCommit: 10, bytes: 6000 };
const credentials = { username: 'git', token: 'bench-token' };

/**
 * The start of a session, from its repository to a work tree and to the first thing its agent asks, against a shallow clone of the same
 * repository over the same HTTP. The repository is made up, or the bare one that BENCH_REPOSITORY names: how much there is to write
 * decides how long the files take.
 */
export async function benchSources(asked: ScriptedModelProcess): Promise<void> {
  title(
    `Session start, ${SIZE.files} files, ${SIZE.commits} commits, warm mirror (target ≥ 5× faster than git clone --depth 1)`,
  );
  await inDirectory(async (directory) => {
    const root = join(directory, 'remote');
    const server = await startGitHttpServer({ root, user: credentials.username, token: credentials.token });
    const own = process.env['BENCH_REPOSITORY'];
    if (own === undefined) makeHistory(join(root, 'bench.git'));
    else symlinkSync(own, join(root, 'bench.git'));
    const source = { kind: 'repository', url: `${server.url}/bench.git` } as const;
    const sandbox = createSandbox({ mode: 'bwrap' });
    const git = new GitManager({ sandbox, directory: join(directory, 'work') });
    const agents = openStartBench({ directory, git, sandbox, source, credentials, asked });
    const prepared: number[] = [];
    const start = async (id: string): Promise<void> => {
      const started = performance.now();
      const { tree } = await git.prepare(id, source, credentials);
      prepared.push(performance.now() - started);
      await git.open(id).workspace().restore(tree);
    };
    const cold = await timed(() => start('ses_cold'));
    const [theirs, files, requests]: [number[], number[], number[]] = [[], [], []];
    // Nothing is removed in between: ext4 looks past every inode that was freed a moment ago, whoever makes files next.
    for (let round = 0; round < ROUNDS; round += 1) {
      theirs.push(await timed(() => shallowClone(source.url, join(directory, `clone_${round}`))));
      files.push(await timed(() => start(`ses_files_${round}`)));
      requests.push(await agents.firstRequest(`ses_asks_${round}`));
    }
    const against = (ours: number[]) => `${ms(median(ours))}  (×${(median(theirs) / median(ours)).toFixed(1)} faster)`;
    print('git clone --depth 1 (median)', ms(median(theirs)));
    print('until the agent asks its model, the files being written meanwhile (median)', against(requests));
    print('until the files are there, by themselves (median)', against(files));
    print('of it, all but writing them (median)', ms(median(prepared.slice(1))));
    print('until the files are there, with no mirror yet', ms(cold));
    agents.store.close();
    sandbox.dispose();
    await server.close();
  });
}

async function shallowClone(url: string, directory: string): Promise<void> {
  const header = `Authorization: Basic ${Buffer.from(`${credentials.username}:${credentials.token}`).toString('base64')}`;
  await run('git', ['-c', `http.extraHeader=${header}`, 'clone', '-q', '--depth', '1', url, directory]);
}

/** A repository as servers keep them: one pack. */
function makeHistory(path: string): void {
  mkdirSync(path, { recursive: true });
  const git = (args: readonly string[], input = ''): void =>
    void execFileSync('git', ['--git-dir', path, ...args], {
      input,
      maxBuffer: 2 ** 30,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
  git(['init', '-q', '--bare', '--initial-branch=main', path]);
  const text = (seed: number): string => {
    let state = seed + 1;
    const words = Array.from({ length: SIZE.bytes / 8 }, () =>
      ((state = (state * 48_271) % 2_147_483_647) % 0xfffffff).toString(16).padStart(7, '0'),
    );
    return words.join('\n');
  };
  const lines: string[] = [];
  for (let commit = 0; commit < SIZE.commits; commit += 1) {
    lines.push('commit refs/heads/main', `committer x <x@y> ${commit} +0000`, 'data 1', 'm');
    const count = commit === 0 ? SIZE.files : SIZE.filesPerCommit;
    for (let index = 0; index < count; index += 1) {
      const file = commit === 0 ? index : (commit * 37 + index * 101) % SIZE.files;
      const content = `${text(file)}\n${commit}\n`;
      lines.push(`M 100644 inline p${file % 100}/f${file}.ts`, `data ${content.length}`, content);
    }
  }
  git(['fast-import', '--quiet'], `${lines.join('\n')}\n`);
  git(['repack', '-adq']);
}
