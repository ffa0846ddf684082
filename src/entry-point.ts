import { HoldfastError } from './domain/failure.ts';

/** Runs the main function of a process: what we know goes wrong is told in two lines, what we do not know with its stack. */
export async function runProcess(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    process.stderr.write(`${error.message}\n${error.remedy}\n`);
    process.exit(1);
  }
}
