import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import type { RunnerSetting } from './runner-setting.ts';

/** Compiled modules for the attempts: each is a process of its own, and starting it takes most of its time. */
const compiled = mkdtempSync(join(tmpdir(), 'holdfast-compiled-'));
const env = { ...process.env, NODE_COMPILE_CACHE: compiled };
beforeAll(() => {
  // A process that is killed leaves no compiled modules behind; this one ends well.
  execFileSync(process.execPath, [join(import.meta.dirname, 'runner-setting.ts')], { env });
});
afterAll(() => rmSync(compiled, { recursive: true, force: true }));

/** Starts an attempt as a process, which kills itself at the moment named; see `chunk-process.ts`. */
export function startAttempt(
  { root, snapshot }: Pick<RunnerSetting, 'root' | 'snapshot'>,
  moment: string,
): ChildProcess {
  const file = join(root, 'snapshot.json');
  writeFileSync(file, JSON.stringify(snapshot));
  const script = join(import.meta.dirname, 'chunk-process.ts');
  // What a killed process leaves in its temporary directory goes with the test's own.
  const options = { env: { ...env, TMPDIR: root }, stdio: 'ignore' } as const;
  const child = spawn(process.execPath, [script, root, file, moment], options);
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** Resolves with how the process ended: a signal, or an exit code. */
export function ended(child: ChildProcess): Promise<string | number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.signalCode ?? child.exitCode);
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)));
}
