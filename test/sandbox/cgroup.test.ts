import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { detectCgroups } from '../../src/sandbox/cgroup.ts';
import { until } from '../support/holdfast.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const limits = { memoryBytes: 64 * 1024 * 1024, pids: 7 };

/** A directory that looks like a hierarchy with a delegated group `/unit`. */
function hierarchy(controllers = 'cpuset cpu io memory pids\n') {
  const mount = temporaryDirectory();
  const root = join(mount, 'unit');
  mkdirSync(root);
  writeFileSync(join(mount, 'cgroup.controllers'), controllers);
  writeFileSync(join(root, 'cgroup.controllers'), controllers);
  const groups = () => readdirSync(root).filter((name) => name.startsWith('holdfast-'));
  return { mount, root, groups, detect: () => detectCgroups(mount, '/unit') };
}

/** The pid of a process that is gone. */
function deadPid(): number {
  return spawnSync('/bin/true').pid;
}

test('a group is made below the own one, with the limits of its command, once the controllers are handed down', () => {
  const { detect, groups, root } = hierarchy();
  const cgroup = detect()?.make(limits);
  expect(readFileSync(join(root, 'cgroup.subtree_control'), 'utf8')).toBe('+memory +pids');
  expect(groups()).toEqual([expect.stringMatching(new RegExp(`^holdfast-${process.pid}-[0-9a-f]{12}$`))]);
  const inside = join(root, groups()[0] ?? '');
  const said = (file: string) => readFileSync(join(inside, file), 'utf8');
  expect([said('memory.max'), said('pids.max')]).toEqual([String(limits.memoryBytes), '7']);
  cgroup?.add(42);
  expect(said('cgroup.procs')).toBe('42');
  expect(cgroup?.outOfMemory()).toBe(false);
  writeFileSync(join(inside, 'memory.events'), 'low 0\noom 1\noom_kill 0\n');
  expect(cgroup?.outOfMemory()).toBe(false);
  writeFileSync(join(inside, 'memory.events'), 'low 0\noom 1\noom_kill 2\n');
  expect(cgroup?.outOfMemory()).toBe(true);
  writeFileSync(join(inside, 'cgroup.kill'), '');
  cgroup?.kill();
  expect(said('cgroup.kill')).toBe('1');
});

test('without version 2, without both controllers, or where nothing is delegated, there are no groups', () => {
  expect(detectCgroups(temporaryDirectory(), '/')).toBeUndefined();
  expect(hierarchy('cpu memory\n').detect()).toBeUndefined();
  expect(hierarchy('cpu pids memory.other\n').detect()).toBeUndefined();
  const { detect, root } = hierarchy();
  mkdirSync(join(root, 'cgroup.subtree_control')); // Not to be written, for root either.
  expect(detect()).toBeUndefined();
});

test('the groups of dead servers are removed, and what is left in them is ended; those of the living stay', () => {
  const { detect, groups, root } = hierarchy();
  const [empty, full] = [`holdfast-${deadPid()}-aa`, `holdfast-${deadPid()}-bb`];
  const living = [`holdfast-${process.pid}-cc`, `holdfast-${process.ppid}-dd`, 'holdfast-other', 'elsewhere'];
  for (const name of [empty, full, ...living]) mkdirSync(join(root, name));
  for (const name of [full, ...living]) writeFileSync(join(root, name, 'cgroup.kill'), '');
  detect()?.sweep();
  expect(groups().toSorted()).toEqual([full, ...living.slice(0, 3)].toSorted());
  expect(readFileSync(join(root, full, 'cgroup.kill'), 'utf8')).toBe('1');
  for (const name of living) expect(readFileSync(join(root, name, 'cgroup.kill'), 'utf8')).toBe('');
});

const real = detectCgroups();

test.skipIf(real === undefined)(
  'a real group holds a command to its memory, ends all of it, and is gone afterwards (skipped: no delegated group here)',
  async () => {
    const cgroup = real?.make({ ...limits, pids: 50 });
    onTestFinished(() => cgroup?.kill());
    const greedy = spawn('/bin/sh', ['-c', 'read go; exec tail /dev/zero'], { stdio: ['pipe', 'ignore', 'ignore'] });
    cgroup?.add(greedy.pid ?? 0);
    greedy.stdin.end('go\n');
    await once(greedy, 'exit');
    expect(cgroup?.outOfMemory()).toBe(true);
    const sleeper = spawn('/bin/sleep', ['600'], { stdio: 'ignore' });
    cgroup?.add(sleeper.pid ?? 0);
    const path = /^0::(.*)$/m.exec(readFileSync(`/proc/${sleeper.pid}/cgroup`, 'utf8'))?.[1] ?? '';
    cgroup?.kill();
    await once(sleeper, 'exit');
    cgroup?.remove();
    await until(() => !existsSync(join('/sys/fs/cgroup', path)));
  },
);
