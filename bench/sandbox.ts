import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createSandbox } from '../src/sandbox/create-sandbox.ts';
import { runInSandbox } from '../src/sandbox/run-in-sandbox.ts';
import { median, ms, print, timed, title } from './figure.ts';
import { inDirectory } from './in-directory.ts';

const run = promisify(execFile);
const ROUNDS = 60;
const AT_ONCE = 20;

/** What the walls cost: one command at a time, and many at once. */
export async function benchSandbox(): Promise<void> {
  title(`A sandboxed command against a bare one, ${ROUNDS} rounds (target ≤ 12 ms over)`);
  await inDirectory(async (directory) => {
    const sandbox = createSandbox({ mode: 'bwrap' });
    const workspace = join(directory, 'workspace');
    mkdirSync(workspace);
    await sandbox.adopt(workspace);
    const argv = ['/bin/bash', '-c', 'true'] as const;
    const walled = () => runInSandbox(sandbox, argv, { workspace, gitDir: 'owned' });
    const bare = () => run(argv[0], argv.slice(1));
    const [ours, theirs]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round += 1) {
      theirs.push(await timed(bare));
      ours.push(await timed(walled));
    }
    const over = median(ours) - median(theirs);
    print('bash -c true, bare (median)', ms(median(theirs)));
    print('bash -c true, in the sandbox (median)', `${ms(median(ours))}  (+${over.toFixed(1)} ms)`);
    const many = async (one: () => Promise<unknown>): Promise<number> =>
      timed(() => Promise.all(Array.from({ length: AT_ONCE }, one)));
    print(`${AT_ONCE} bare commands at once`, ms(await many(bare)));
    const together = [await many(walled), await many(walled), await many(walled)];
    print(`${AT_ONCE} sandboxed commands at once (median of 3)`, ms(median(together)));
    sandbox.dispose();
  });
}
