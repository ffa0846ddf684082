/**
 * An attempt in a process of its own that kills itself at a named moment: `chunk-process.ts <root> <snapshot file> <moment>`.
 * Moments are `<before|after>-<write>-<n>`: around the n-th append or commit of the journal, the n-th intent of a command that can reach
 * the network (`begin`), or the n-th snapshot of the work tree (`tree`). With `no-files` the work tree is never written, and it lives on.
 */
import { readFileSync } from 'node:fs';
import type { Snapshot } from '../../src/domain/snapshot.ts';
import { WorkTree } from '../../src/git/work-tree.ts';
import { openRunner } from './runner-setting.ts';

const [root = '', snapshotFile = '', moment = 'never'] = process.argv.slice(2);
const { store, runner, close } = openRunner(root);
const counts = new Map<string, number>();

/** Wraps a method so that the process dies before or after a certain call of it. */
function deadly(target: object, name: string, write: string): void {
  const methods = target as Record<string, (...args: unknown[]) => Promise<unknown>>;
  const original = methods[name];
  methods[name] = async function (this: unknown, ...args: unknown[]) {
    const count = (counts.get(write) ?? 0) + 1;
    counts.set(write, count);
    if (moment === `before-${write}-${count}`) process.kill(process.pid, 'SIGKILL');
    const result = await original?.apply(this, args);
    if (moment === `after-${write}-${count}`) process.kill(process.pid, 'SIGKILL');
    return result;
  };
}

deadly(store.journal, 'append', 'append');
deadly(store.journal, 'commit', 'commit');
deadly(store.effects, 'begin', 'begin');
deadly(WorkTree.prototype, 'capture', 'tree');
// A promise alone keeps no process alive: once the model's connection is idle, nothing else would.
if (moment === 'no-files')
  WorkTree.prototype.restore = () => new Promise(() => void setInterval(() => undefined, 1000));
const snapshot = JSON.parse(readFileSync(snapshotFile, 'utf8')) as Snapshot;
const input = { snapshot, maxTurns: 100, maxChunkMs: 60_000, limits: snapshot.limits, feedback: null, modelKey: 'key' };
process.stdout.write(`${JSON.stringify(await runner.runChunk(input, new AbortController().signal))}\n`);
close();
process.exit(0);
