import { globSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Processes that have a path in their arguments or work below it, in words. */
export function processesAt(path: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      const args = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
      return args.includes(path) || workingDirectory(pid).startsWith(path) ? [`process ${args.slice(0, 200)}`] : [];
    });
}

/** What a Holdfast that has been stopped has left on the machine: nothing but its records, it is hoped. */
export function leftoversOf(dataDir: string, pids: ReadonlySet<number>): string[] {
  const mounts = read('/proc/self/mountinfo')
    .split('\n')
    .filter((line) => line.includes(dataDir));
  const locks = globSync('**/*.{lock,tmp,torn,new}', { cwd: dataDir });
  const torn = globSync(['**/tmp_*', '**/blobs/incoming/*'], { cwd: dataDir });
  const sandboxes = readdirSync(tmpdir()).filter((name) => {
    const [, pid] = /^holdfast-sandbox-(\d+)-/.exec(name) ?? [];
    return pid !== undefined && pids.has(Number(pid));
  });
  return [
    ...processesAt(dataDir),
    ...mounts.map((line) => `mount ${line}`),
    ...[...locks, ...torn].map((file) => `file ${file}`),
    ...sandboxes.map((name) => `directory ${join(tmpdir(), name)}`),
  ];
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // The process has ended meanwhile.
  }
}

function workingDirectory(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}
