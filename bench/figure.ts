/** Prints a figure on stdout. */
export function print(name: string, value: string): void {
  process.stdout.write(`${name.padEnd(72)} ${value}\n`);
}

/** A headline. */
export function title(text: string): void {
  process.stdout.write(`\n${text}\n`);
}

export function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}

/** The middle of several values. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** How long some work takes, in milliseconds. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}
