import { readdirSync, readFileSync } from 'node:fs';

/** A mount as proc_pid_mountinfo(5) lists it: device, the directory of its file system that it shows, and where it shows it. */
interface Mount {
  readonly device: string;
  readonly root: string;
  readonly point: string;
}

/**
 * True while any process of this machine (of this pid namespace) has the directory, or something below it, as a mount of its own:
 * a command in a sandbox, whoever started it and whether or not its server still lives. The kernel's own word, also after a rename.
 */
export function isMountedSomewhere(directory: string): boolean {
  const own = mountsOf('self');
  const holder = own
    .filter(({ point }) => isWithin(directory, decode(point)))
    .toSorted((a, b) => b.point.length - a.point.length)[0];
  if (holder === undefined) return false;
  const inside = directory.slice(decode(holder.point).replace(/\/$/, '').length);
  const root = `${decode(holder.root).replace(/\/$/, '')}${inside}`;
  const others = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return others.some((pid) =>
    mountsOf(pid).some((mount) => mount.device === holder.device && isWithin(decode(mount.root), root)),
  );
}

function mountsOf(pid: string): Mount[] {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/mountinfo`, 'utf8');
  } catch {
    return []; // Gone since it was listed, or another user's.
  }
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [, , device = '', root = '', point = ''] = line.split(' ');
      return { device, root, point };
    });
}

/** Blanks and the like are written as octal numbers. */
function decode(path: string): string {
  return path.replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`);
}
