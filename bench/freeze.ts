import { execFileSync } from 'node:child_process';
import { globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { ContractSynthesizer } from '../src/activities/contract-synthesizer.ts';
import { Credentials } from '../src/activities/credentials.ts';
import { Preflight } from '../src/activities/preflight.ts';
import { SnapshotBuilder } from '../src/activities/snapshot-builder.ts';
import { SourceImporter } from '../src/activities/source-importer.ts';
import { startGitHttpServer } from '../src/demo/git-http-server.ts';
import { mergeSkill } from '../src/domain/contract-merge.ts';
import { ContractDraft } from '../src/domain/contract.ts';
import type { Task } from '../src/domain/task.ts';
import { GitManager } from '../src/git/git-manager.ts';
import { createModel } from '../src/model/provider.ts';
import { createSandbox } from '../src/sandbox/create-sandbox.ts';
import { openStore } from '../src/store/store.ts';
import { deliveryParts } from '../test/support/delivery-parts.ts';
import { sampleSession, sampleTask } from '../test/support/sample-task.ts';
import { median, ms, print, timed, title } from './figure.ts';
import { inDirectory } from './in-directory.ts';

const ROUNDS = 5;
/** What a fast model takes to write a contract; the files are hashed meanwhile. */
const MODEL_MS = 4_000;
const LARGE = { files: 50_000, bytes: 8_000 };
const USUAL = { files: 5_000, bytes: 4_000 };

/** Hashing what is frozen, and everything of the preflight but the model, against what a shell can do in the same run. */
export async function benchFreeze(): Promise<void> {
  await inDirectory(async (directory) => {
    const repository = makeRepository(join(directory, 'large'), LARGE);
    await benchHashing(directory, repository);
  });
  await inDirectory(benchPreflight);
}

async function benchHashing(directory: string, repository: string): Promise<void> {
  title(
    `Freeze of ${LARGE.files} files, ${(LARGE.files * LARGE.bytes) / 1e6} MB, on ${availableParallelism()} cores (target < 1.0×)`,
  );
  const sandbox = createSandbox({ mode: 'off' });
  const git = new GitManager({ sandbox, directory: join(directory, 'work') });
  const { tree } = await git.prepare('ses_bench', { kind: 'repository', url: repository });
  const session = git.open('ses_bench');
  const shell = `find . -path ./.git -prune -o -type f -print0 | xargs -0 -P$(nproc) -n 1000 sha256sum > /dev/null`;
  const [cold, first, again, theirs]: [number[], number[], number[], number[]] = [[], [], [], []];
  const files = () => session.findFiles(tree, { globs: ['**'] });
  const freeze = async () => session.hashFiles(await files());
  const forget = () => {
    for (const memory of globSync(join(directory, 'work', 'mirrors', '*', 'holdfast-sha256'))) rmSync(memory);
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    theirs.push(await timed(async () => void execFileSync('/bin/bash', ['-c', shell], { cwd: repository })));
    forget();
    cold.push(await timed(freeze));
    forget();
    await session.hashAhead(await files(), AbortSignal.timeout(MODEL_MS));
    first.push(await timed(freeze));
    again.push(await timed(freeze));
  }
  const ratio = (ours: number[]) => `${ms(median(ours))}  (×${(median(ours) / median(theirs)).toFixed(2)})`;
  print('find | xargs -P$(nproc) sha256sum on the work tree (median)', ms(median(theirs)));
  print('first freeze of a repository, out of the git objects, with no head start', ratio(cold));
  print(`first freeze of a repository after a preflight whose model wrote for ${MODEL_MS / 1000} s`, ratio(first));
  print('every later one, in whatever session', ratio(again));
  sandbox.dispose();
}

async function benchPreflight(directory: string): Promise<void> {
  title(`Preflight without the model, ${USUAL.files} files, warm mirror, ${ROUNDS} sessions (target ≤ 300 ms)`);
  const sandbox = createSandbox({ mode: 'bwrap' });
  const store = openStore({ directory: join(directory, 'store') });
  const server = await startGitHttpServer({ root: join(directory, 'remote'), user: 'git', token: 'bench-token' });
  const url = await server.createRepository('bench', fileTexts(USUAL));
  const task: Partial<Task> = { source: { kind: 'repository', url }, acceptance: ['test -d p0', 'bash p0/f0.ts'] };
  const git = new GitManager({ sandbox, directory: join(directory, 'work') });
  const credentials = new Credentials(store, { spec: sampleTask().model, key: () => undefined });
  const sources = new SourceImporter({ store, git, credentials });
  const synthesizer = new ContractSynthesizer((spec, key) => createModel(spec, key, { idleTimeoutMs: 1000 }));
  const parts = { store, git, sandbox, credentials, synthesizer, snapshots: new SnapshotBuilder(store), sources };
  const { delivery } = deliveryParts(parts);
  const preflight = new Preflight({
    ...parts,
    delivery,
    skillsDir: join(directory, 'skills'),
    checkTimeoutMs: 600_000,
  });
  const { signal } = new AbortController();
  const draft = ContractDraft.parse({
    goal: 'g',
    requiredFiles: ['p0/**', 'p1/*.ts', 'no/such/**'],
    acceptance: ['make'],
  });
  const contract = mergeSkill(draft, null, { acceptance: task.acceptance ?? [], remote: url });
  const [taken, checked, frozen]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const id = `ses_${round}`;
    const owner = { tenant: 'default', id };
    const secrets = [
      store.secrets.seal(owner, 'git.token', 'bench-token'),
      store.secrets.seal(owner, 'git.username', 'git'),
    ];
    await store.sessions.create(sampleSession(id, { task: sampleTask(task), secrets }));
    const supplied = { sessionId: id, inputs: {}, answers: {} };
    const prepare = await timed(() => sources.prepare(id, signal));
    await store.sessions.setContract(id, contract);
    const check = await timed(() => preflight.check(supplied, signal));
    const freeze = await timed(() => preflight.freeze({ ...supplied, at: 1 }, signal));
    if (round === 0) continue; // It fills the mirror.
    taken.push(prepare);
    checked.push(check);
    frozen.push(freeze);
  }
  const whole = taken.map((value, index) => value + (checked[index] ?? Number.NaN));
  print('source taken in (median)', ms(median(taken)));
  print('every item probed, a dry-run push among them (median)', ms(median(checked)));
  print('together (median, max)', `${ms(median(whole))}, ${ms(Math.max(...whole))}`);
  print('freeze (median)', ms(median(frozen)));
  await server.close();
  store.close();
  sandbox.dispose();
}

const words = [
  'const',
  'return',
  'export',
  'function',
  'await',
  'session',
  'value',
  'index',
  'string',
  'readonly',
  'number',
  'path',
];

/** Files that read like source text, the same ones each time. */
function fileTexts({ files, bytes }: typeof LARGE): Record<string, string> {
  const texts: Record<string, string> = {};
  let state = 1;
  const next = (below: number) => (state = (state * 48_271) % 2_147_483_647) % below;
  for (let file = 0; file < files; file += 1) {
    let text = '';
    while (text.length < bytes)
      text += `${words[next(words.length)]} ${next(100_000).toString(36)}${next(4) === 0 ? ';\n  ' : ' '}`;
    texts[`p${Math.floor(file / 500)}/f${file}.ts`] = text.slice(0, bytes);
  }
  return texts;
}

function makeRepository(directory: string, size: typeof LARGE): string {
  for (const [path, text] of Object.entries(fileTexts(size))) {
    mkdirSync(join(directory, path, '..'), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
  const git = (...args: string[]) => execFileSync('git', ['-C', directory, '-c', 'gc.auto=0', ...args]);
  git('init', '-q');
  git('add', '-A');
  git('-c', 'user.name=bench', '-c', 'user.email=bench@localhost', 'commit', '-qm', 'bench');
  git('-c', 'pack.window=4', 'repack', '-adq'); // As a server keeps it; the fetch then only has to copy.
  return directory;
}
