import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createSandbox } from '../../src/sandbox/create-sandbox.ts';
import { until } from '../support/holdfast.ts';
import { sandboxSetting } from './setting.ts';

/** Pids of processes whose arguments hold a text. */
function processesWith(text: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
      } catch {
        return false;
      }
    });
}

test('a command that outlasts its time is killed with all it started, whatever signals it ignores', async () => {
  const { bash } = await sandboxSetting();
  const mark = `31${process.pid}1`;
  const run = await bash(`trap '' TERM INT HUP QUIT; setsid sleep ${mark} & nohup sleep ${mark} & sleep ${mark}`, {
    limits: { wallMs: 400 },
  });
  expect(run).toMatchObject({ reason: 'timeout', exitCode: null });
  expect(processesWith(mark)).toEqual([]);
});

test('a daemon does not outlive a command that ended by itself', async () => {
  const { bash } = await sandboxSetting();
  const mark = `32${process.pid}2`;
  const run = await bash(`setsid nohup sleep ${mark} > /dev/null 2>&1 & disown; echo ok`);
  expect(run).toMatchObject({ reason: 'exit', exitCode: 0, out: 'ok\n' });
  expect(processesWith(mark)).toEqual([]);
});

test('an abort ends the command, also one that comes before or while it starts', async () => {
  const { bash } = await sandboxSetting();
  expect(await bash('sleep 60', { signal: AbortSignal.abort() })).toMatchObject({ reason: 'aborted' });
  for (const delayMs of [1, 4, 8, 12, 20]) {
    const run = await bash('sleep 60', { signal: AbortSignal.timeout(delayMs) });
    expect(run).toMatchObject({ reason: 'aborted', exitCode: null });
    expect(run.wallMs).toBeLessThan(5000);
  }
});

test('endless output is cut at the limit', async () => {
  const { bash } = await sandboxSetting();
  const run = await bash('yes', { limits: { outputBytes: 1_000_000 } });
  expect(run.reason).toBe('output_limit');
  expect(run.stdout.length).toBe(1_000_000);
});

test('a fork bomb is contained and the next command runs as usual', async () => {
  const { bash } = await sandboxSetting();
  const run = await bash(':(){ :|:& };: ; sleep 60', { limits: { wallMs: 1500, pids: 64 } });
  expect(run.reason).toBe('timeout');
  expect((await bash('echo fine')).out).toBe('fine\n');
});

test('memory beyond the limit kills the command', async () => {
  const { bash } = await sandboxSetting();
  const hog = 'x=[]\nwhile True: x.append(bytearray(16 * 2**20))';
  const run = await bash(`/usr/bin/python3 -c '${hog}'`, {
    limits: { memoryBytes: 256 * 2 ** 20, processDataBytes: 4 * 2 ** 30, wallMs: 20_000 },
  });
  expect(run.reason).toBe('memory_limit');
});

test('files, /tmp and the size of an argument are limited', async () => {
  const { bash, sandbox, spec } = await sandboxSetting();
  expect((await bash('head -c 3000000 /dev/zero > big', { limits: { fileBytes: 2_000_000 } })).exitCode).not.toBe(0);
  expect((await bash('head -c 3000000 /dev/zero > /tmp/big', { limits: { tmpBytes: 2_000_000 } })).out).toContain(
    'No space left',
  );
  expect(() => sandbox.spawn(['/bin/echo', 'x'.repeat(200_000)], spec)).toThrow('127 KiB');
});

test('exit codes are those of the shell: a signal is 128 and more, an unknown program 127', async () => {
  const { bash } = await sandboxSetting();
  expect((await bash('kill -SEGV $$')).exitCode).toBe(139);
  expect((await bash('nothing-of-this-name')).exitCode).toBe(127);
});

test('twenty commands at once keep apart', async () => {
  const { bash } = await sandboxSetting();
  const runs = await Promise.all(Array.from({ length: 20 }, (_, index) => bash(`echo ${index}`)));
  expect(runs.map(({ out }) => out)).toEqual(Array.from({ length: 20 }, (_, index) => `${index}\n`));
});

test('a server that is killed while it starts a command leaves nothing to the next one, and the command does not run', async () => {
  const { spec } = await sandboxSetting();
  const script = join(import.meta.dirname, 'spawner.ts');
  for (let delayMs = 0; delayMs < 24; delayMs += 2) {
    const mark = `33${process.pid}${delayMs}`;
    const child = spawn(
      process.execPath,
      [script, spec.workspace, `sleep 0.3; echo ran > ran-${mark}; sleep ${mark}`],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    );
    onTestFinished(() => void child.kill('SIGKILL'));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await new Promise((resolve) => setTimeout(resolve, delayMs)); // The moment itself is what varies.
    child.kill('SIGKILL');
    // The next start of a server sweeps what bubblewrap itself may leave behind in the middle of its set-up.
    await until(() => {
      createSandbox({ mode: 'bwrap' }).dispose();
      return processesWith(mark).length === 0;
    }, 5000);
    expect(existsSync(join(spec.workspace, `ran-${mark}`))).toBe(false);
  }
});

test('CPU seconds, open files and core dumps are limited for each process', async () => {
  const { bash, spec } = await sandboxSetting();
  const run = await bash('while :; do :; done', { limits: { cpuSeconds: 1, wallMs: 20_000 } });
  expect(run).toMatchObject({ reason: 'exit', exitCode: 137 });
  const open = 'import os\ntry:\n  while True: os.open("/dev/null", 0)\nexcept OSError as e: print(e.strerror)';
  expect((await bash(`/usr/bin/python3 -c '${open}'`, { limits: { openFiles: 50 } })).out).toBe(
    'Too many open files\n',
  );
  await bash('sh -c "kill -SEGV \\$\\$"; ulimit -c > core-limit');
  expect(readdirSync(spec.workspace)).toEqual(['core-limit']);
  expect(readFileSync(join(spec.workspace, 'core-limit'), 'utf8')).toBe('0\n');
});

test('a single process has a limit of memory of its own', async () => {
  const { bash } = await sandboxSetting();
  const hog = 'try:\n  x = bytearray(512 * 2**20)\n  print("had it")\nexcept MemoryError: print("refused")';
  const run = await bash(`/usr/bin/python3 -c '${hog}'`, { limits: { processDataBytes: 256 * 2 ** 20 } });
  expect(run.out).toBe('refused\n');
});

test('many processes, each below its own limit, are killed together when the tree is too large', async () => {
  const { bash } = await sandboxSetting();
  const one = `/usr/bin/python3 -c 'import time; x = bytearray(64 * 2**20); time.sleep(60)'`;
  const run = await bash(`for i in 1 2 3 4 5 6 7 8; do ${one} & done; wait`, {
    limits: { memoryBytes: 256 * 2 ** 20, wallMs: 30_000 },
  });
  expect(run.reason).toBe('memory_limit');
});

test('where the machine itself runs short of memory, the command goes first', async () => {
  const { bash } = await sandboxSetting();
  const run = await bash('sleep 60', { limits: { minFreeMemoryBytes: 2 ** 50, wallMs: 30_000 } });
  expect(run.reason).toBe('memory_limit');
});

test.each([
  ['the disk is too full', { minFreeDiskBytes: 2 ** 60 }, 'sleep 60'],
  ['the disk can take no more files', { minFreeInodes: 2 ** 52 }, 'sleep 60'],
  [
    'the workspace is too large',
    { workspaceBytes: 100_000_000 },
    'for i in 1 2 3 4 5 6; do head -c 50000000 /dev/zero > f$i; done; sleep 60',
  ],
])('a command is ended when %s', async (_, limits, command) => {
  const { bash } = await sandboxSetting();
  expect((await bash(command, { limits: { ...limits, wallMs: 30_000 } })).reason).toBe('disk_limit');
});

test('files that are linked count once, and what was there before a command is counted with what it adds', async () => {
  const { bash } = await sandboxSetting();
  const limits = { workspaceBytes: 220_000_000, wallMs: 30_000 };
  const linked = await bash('head -c 100000000 /dev/zero > f; for i in 1 2 3 4; do ln f l$i; done; sleep 2', {
    limits,
  });
  expect(linked.reason).toBe('exit');
  const more = await bash('head -c 150000000 /dev/zero > g; sleep 60', { limits });
  expect(more.reason).toBe('disk_limit');
});
