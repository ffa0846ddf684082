import { plumb } from './plumbing.ts';

/** The contents of small files, in the order of their ids, by one git process; all of them are in memory. */
export async function readBlobs(gitDir: string, objects: readonly string[]): Promise<Buffer[]> {
  if (objects.length === 0) return [];
  const stdin = objects.map((object) => `${object}\n`).join('');
  const output = await plumb(gitDir, ['cat-file', '--batch', '--buffer'], { stdin });
  const contents: Buffer[] = [];
  // `<id> <type> <size>`, a newline, the content and another newline, for each.
  for (let start = 0; start < output.length;) {
    const end = output.indexOf(10, start);
    const size = Number(output.toString('latin1', start, end).split(' ')[2]);
    contents.push(output.subarray(end + 1, end + 1 + size));
    start = end + 2 + size;
  }
  return contents;
}
