import { styleText } from 'node:util';

const started = performance.now();

/** One step of the demo, with the seconds since its start. */
export function step(title: string, detail: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(5);
  say(`${styleText('dim', `${seconds} s`)}  ${styleText('bold', title)}: ${detail}`);
}

/** One line on stdout. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
