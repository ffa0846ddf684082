/** `Receiving objects:  40% (401/1000), 1.20 MiB | 88.00 KiB/s`, also as the remote tells it (git-fetch(1), --progress). */
const progress = /^(remote: )?([A-Z][a-z]+( [a-z]+)*: +\d+(%|,|$)|Total \d+ \()/;

/** What git said on stderr without its account of the progress: a count of 401 objects is no answer 401. */
export function withoutProgress(said: string): string {
  return said
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !progress.test(line))
    .join('\n');
}
