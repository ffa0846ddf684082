import { isUtf8 } from 'node:buffer';
import { gitEnvironment } from './git-environment.ts';
import { plumb } from './plumbing.ts';

const options = [
  '--no-ext-diff',
  '--no-textconv',
  '--ignore-submodules=all',
  '--no-renames',
  '--binary',
  '--full-index',
];

/**
 * The difference of two trees as a patch that `git apply` takes. It is text whatever the files hold: a file that is not UTF-8 is
 * written as a binary one, for its bytes would not survive as text. It is given as bytes: it may be longer than a string can be.
 */
export async function patchBetween(gitDir: string, from: string, to: string): Promise<Buffer> {
  const readable = await plumb(gitDir, ['diff', ...options, from, to]);
  if (isUtf8(readable)) return readable;
  // Files above the threshold are binary to git, and quoted names are plain ASCII. The files come in the same order.
  const config = { 'core.bigFileThreshold': '1', 'core.quotePath': 'true' };
  const binary = await plumb(gitDir, ['diff', ...options, from, to], { env: gitEnvironment('nothing', config) });
  const replacements = filesOf(binary);
  const parts = filesOf(readable).map((part, index) => (isUtf8(part) ? part : (replacements[index] ?? part)));
  return Buffer.concat(parts);
}

/** The parts of a patch, one per file. Lines of content start with a sign, so a line that starts like a header is one. */
function filesOf(patch: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let start = 0; start < patch.length;) {
    const next = patch.indexOf('\ndiff --git ', start);
    const end = next < 0 ? patch.length : next + 1;
    parts.push(patch.subarray(start, end));
    start = end;
  }
  return parts;
}
