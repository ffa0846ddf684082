import { realpathSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, normalize } from 'node:path';
import * as z from 'zod';
import type { Places } from './places.ts';

/** Too much to be shown to commands as a whole; what lies below may be. */
const tooWide = ['/', '/home', '/root', '/var', '/tmp', '/boot', '/mnt', '/srv'];

/** The sandbox has these of its own, or they tell of the host. */
const closed = ['/etc', '/proc', '/sys', '/dev', '/run', '/workspace', '/home/agent'];

/**
 * `SANDBOX_TOOLCHAINS`: absolute directories, separated by `:`, that every command may read. Each is checked also as what its links lead to:
 * nothing that is Holdfast's own, no home directory, and nothing that holds one of them, can be shown to commands by it.
 */
export function toolchainsBeside(places: Places): z.ZodType<readonly string[], string | undefined> {
  const directory = z.string().superRefine((path, context) => {
    const fault = faultOf(path, Object.values(places));
    if (fault !== null) context.addIssue({ code: 'custom', message: `${path} ${fault}` });
  });
  return z
    .string()
    .default('')
    .transform((text) => text.split(':').map(withoutEndingSlash).filter(Boolean))
    .pipe(z.array(directory));
}

function withoutEndingSlash(path: string): string {
  return path.trim().replace(/(?<=.)\/+$/, '');
}

function faultOf(path: string, own: readonly string[]): string | null {
  if (!isAbsolute(path) || normalize(path) !== path) return 'must be an absolute path, without . and ..';
  if (!isDirectory(path)) return 'is no directory of this machine';
  for (const place of new Set([path, realpathSync(path)])) {
    if (own.some((held) => isWithin(place, held) || isWithin(held, place)))
      return 'holds, or belongs to, what Holdfast keeps';
    if (tooWide.includes(place) || isHome(place)) return 'would show commands too much: name the toolchain itself';
    if (closed.some((held) => isWithin(place, held))) return 'is where the sandbox has files of its own';
  }
  return null;
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** True for the home of somebody, and for what holds our own. */
function isHome(place: string): boolean {
  return /^\/home\/[^/]+$/.test(place) || isWithin(homedir(), place);
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`);
}
