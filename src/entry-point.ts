import { HoldfastError } from './domain/failure.ts';
import { answerPings } from './life-signs.ts';

const LONG_MS = 2 ** 30;

/**
 * Runs the main function of a process: what we know goes wrong is told in two lines, what we do not know with its stack.
 * The process stays alive until the function is done: a client that waits to connect again holds nothing that Node waits for.
 * From its first moment it answers the supervisor that may have started it.
 */
export async function runProcess(main: () => Promise<void>): Promise<void> {
  const alive = setInterval(() => undefined, LONG_MS);
  answerPings();
  try {
    await main();
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    process.stderr.write(`${error.message}\n${error.remedy}\n`);
    process.exit(1);
  } finally {
    clearInterval(alive);
  }
}
